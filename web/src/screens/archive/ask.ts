// What is asked of the archive: as the address of the page has it, and as the server reads it.

export type Mode = "words" | "meaning" | "both"
export const MODES: readonly Mode[] = ["words", "both", "meaning"]

export interface Ask {
  text: string
  mode: Mode
  best: boolean
  /** A person's id, or what a speaker is called. */
  who: string
  lang: string
  source: string
  /** A recording's id. */
  within: string
  /** Days, or minutes of days, by the clock of whoever looks: 2026-11-01 or 2026-11-01T12:30. A day is in it to its end. */
  from: string
  to: string
}

export const NOTHING: Ask = { text: "", mode: "words", best: false, who: "", lang: "", source: "", within: "", from: "", to: "" }

/** Names in the address; `q` is what other screens link to. */
const NAMES = { text: "q", who: "who", lang: "lang", source: "source", within: "in", from: "from", to: "to" } as const
const LOCAL = /^\d{4}-\d\d-\d\d(T\d\d:\d\d)?$/
const PERSON = /^p_[0-9a-f]{16}$/

export function read(query: URLSearchParams): Ask {
  const of = (name: keyof typeof NAMES): string => query.get(NAMES[name]) ?? ""
  const date = (name: "from" | "to"): string => (LOCAL.test(of(name)) && !Number.isNaN(Date.parse(of(name))) ? of(name) : "")
  return {
    text: of("text"),
    mode: MODES.find((mode) => mode === query.get("by")) ?? "words",
    best: query.get("sort") === "best",
    who: of("who"),
    lang: of("lang"),
    source: of("source"),
    within: of("within"),
    from: date("from"),
    to: date("to"),
  }
}

/** The path of the page that asks so. */
export function path(ask: Ask): string {
  const query = new URLSearchParams()
  for (const [name, key] of Object.entries(NAMES) as [keyof typeof NAMES, string][]) if (ask[name].trim()) query.set(key, ask[name].trim())
  if (ask.mode !== "words") query.set("by", ask.mode)
  if (ask.best && ask.mode === "words") query.set("sort", "best")
  const told = query.toString()
  return told ? `/archive?${told}` : "/archive"
}

/** Whether segments are looked for, and not only recordings of a time. */
export function looks(ask: Ask): boolean {
  return [ask.text, ask.who, ask.lang, ask.source, ask.within].some((part) => part.trim())
}

/** How it is found: by meaning only where something is said. */
export function mode(ask: Ask): Mode {
  return ask.text.trim() ? ask.mode : "words"
}

/** The query as the server reads it (docs/search.md). */
export function query(ask: Ask): string {
  const { who, from, to } = ask
  const parts = [
    ask.text.trim(),
    who && (PERSON.test(who) ? `person:${who}` : `speaker:${quoted(who)}`),
    ask.lang && `lang:${ask.lang}`,
    ask.source && `source:${quoted(ask.source)}`,
    ask.within && `recording:${ask.within}`,
    from && `after:${stamp(begin(from))}`,
    to && `before:${stamp(end(to))}`,
  ]
  return parts.filter(Boolean).join(" ")
}

/** Whether `who` is somebody who is known, and no mere name. */
export function isPerson(who: string): boolean {
  return PERSON.test(who)
}

function quoted(value: string): string {
  return `"${value.replaceAll('"', " ").trim()}"`
}

function stamp(unixS: number): string {
  return new Date(unixS * 1000).toISOString().replace(/\.\d+Z$/, "+00:00")
}

/** The Unix time at which a day or minute begins here. */
export function begin(date: string): number {
  return new Date(date.includes("T") ? date : `${date}T00:00`).getTime() / 1000
}

/** The Unix time at which a day ends here; a minute is the end itself. */
export function end(date: string): number {
  if (date.includes("T")) return begin(date)
  const day = new Date(`${date}T00:00`)
  day.setDate(day.getDate() + 1)
  return day.getTime() / 1000
}

/** A moment as the address has it: whole days where it is the beginning of one. */
export function local(unixS: number): string {
  const at = new Date(unixS * 1000)
  const two = (n: number): string => String(n).padStart(2, "0")
  const day = `${String(at.getFullYear()).padStart(4, "0")}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return at.getHours() || at.getMinutes() ? `${day}T${two(at.getHours())}:${two(at.getMinutes())}` : day
}

/** The stretch between two moments, as the address has it. */
export function stretch(from_s: number, to_s: number): { from: string; to: string } {
  const from = local(from_s)
  const last = local(to_s)
  if (from.includes("T") || last.includes("T")) return { from: withTime(from), to: withTime(last) }
  return { from, to: local(to_s - 43_200).slice(0, 10) } // the day that ends there, whatever the clock's change does
}

function withTime(date: string): string {
  return date.includes("T") ? date : `${date}T00:00`
}

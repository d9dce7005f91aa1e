// What was said so far, as lines in the order of time: made of what the server tells, and of the marks somebody sets.
import type { Segment, Told } from "./told"

export type Line =
  | { kind: "said"; key: string; at_s: number; segment: Segment }
  | { kind: "mark"; key: string; at_s: number; text: string }
  | { kind: "gap"; key: string; at_s: number; seconds: number; reason: string }
  | { kind: "held"; key: string; at_s: number; reason: string }
  | { kind: "note"; key: string; at_s: number; text: string; bad: boolean }

export type Mark = Line & { kind: "mark" }

export class Said {
  lines = $state.raw<readonly Line[]>([])
  names = $state.raw<ReadonlyMap<string, string>>(new Map())
  stable = $state("")
  draft = $state("")
  /** Where the draft ends, in seconds of the recording. */
  drafted_s = 0
  /** Where the newest final text ends. */
  final_s = $state(0)
  private number = 0
  private readonly places = new Map<string, number>()

  /** Something is told of a session that begins at `base_s` of the recording. */
  told(told: Told, base_s: number): void {
    if (told.type === "partial") {
      this.stable = told.stable
      this.draft = told.draft
      this.drafted_s = base_s + told.end_s
    } else if (told.type === "final" || told.type === "revised") {
      this.segment(`${base_s} ${told.id}`, told.segment, base_s)
    } else if (told.type === "settled") {
      this.stable = this.draft = ""
      for (const { start_s, reason } of told.suppressed) this.add({ kind: "held", key: "", at_s: base_s + start_s, reason })
    } else if (told.type === "named") {
      this.names = new Map(this.names).set(told.speaker.id, told.speaker.name ?? "")
    } else if (told.type === "gap") {
      this.add({ kind: "gap", key: "", at_s: base_s + told.start_s, seconds: told.end_s - told.start_s, reason: told.reason })
    } else if (told.type === "noted") {
      this.add({ kind: "note", key: "", at_s: this.final_s, text: told.notice.message, bad: false })
    } else if (told.type === "failed" && !told.fatal) {
      this.add({ kind: "note", key: "", at_s: this.final_s, text: `${told.message}. ${told.remedy}`, bad: true })
    }
  }

  mark(at_s: number, text = ""): string {
    const key = `mark ${++this.number}`
    this.add({ kind: "mark", key, at_s, text })
    return key
  }

  /** Write to a mark, or take it away with null. */
  write(key: string, text: string | null): void {
    if (text === null) this.lines = this.lines.filter((line) => line.key !== key)
    else this.lines = this.lines.map((line) => (line.key === key && line.kind === "mark" ? { ...line, text } : line))
    this.find()
  }

  get marks(): Mark[] {
    return this.lines.filter((line) => line.kind === "mark")
  }

  private segment(key: string, heard: Segment, base_s: number): void {
    const segment = { ...heard, start_s: base_s + heard.start_s, end_s: base_s + heard.end_s }
    const place = this.places.get(key)
    const line: Line = { kind: "said", key, at_s: segment.start_s, segment }
    if (place === undefined) this.add(line)
    else this.lines = this.lines.with(place, line)
    this.final_s = Math.max(this.final_s, segment.end_s)
  }

  /** Lines nearly always come in the order of time, so the end is looked at first. */
  private add(given: Line): void {
    const line = given.key ? given : { ...given, key: `${given.kind} ${++this.number}` }
    let place = this.lines.length
    while (place > 0 && this.lines[place - 1]!.at_s > line.at_s) place--
    this.lines = this.lines.toSpliced(place, 0, line)
    if (place === this.lines.length - 1) this.places.set(line.key, place)
    else this.find()
  }

  private find(): void {
    this.places.clear()
    this.lines.forEach(({ key }, place) => this.places.set(key, place))
  }
}

/** The lines as plain text. */
export function plain(lines: readonly Line[], name: (speaker: string) => string, clock: (seconds: number) => string): string {
  const told = lines.flatMap((line) => {
    if (line.kind === "said") return [`[${clock(line.at_s)}] ${line.segment.speaker ? `${name(line.segment.speaker)}: ` : ""}${line.segment.text}`]
    return line.kind === "mark" ? [`[${clock(line.at_s)}] ★ ${line.text}`.trimEnd()] : []
  })
  return `${told.join("\n")}\n`
}

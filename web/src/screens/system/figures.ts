// How the server's figures become numbers, warnings and lines of charts.
import type { LogLine, System } from "../../api/schema"

export const LAG_BAD_S = 5
export const DISK_BAD = 2e9

/** What a chart draws: a line for each name of the server's numbers. */
export const CHARTS = {
  cpu: ["cpu"],
  memory: ["memory_bytes"],
  work: ["recordings", "sessions", "waiting_clips"],
  lag: ["lag_s", "event_lag_s"],
} as const
export type Chart = keyof typeof CHARTS
export type Figure = (typeof CHARTS)[Chart][number]
export type Range = "recent" | "day"

/** The columns of a chart over a range: times first, then each line. */
export function drawn(told: System, range: Range, chart: Chart): number[][] {
  const table = told[range]
  return ["at_s", ...CHARTS[chart]].map((name) => table[name] ?? [])
}

/** Bytes of the archive: its files and its database. */
export function archived(disk: Record<string, number>): number {
  return Object.entries(disk).reduce((sum, [kind, size]) => sum + (kind === "free" ? 0 : size), 0)
}

/** A line as people search it. */
export function plain(line: LogLine): string {
  return `${line.level} ${line.event} ${line.request} ${facts(line)}`
}

/** The facts of a line, as the log writes them. */
export function facts(line: LogLine): string {
  return Object.entries(line.facts)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ")
}

export function matches(line: LogLine, wanted: string): boolean {
  const text = plain(line).toLowerCase()
  return wanted.toLowerCase().split(/\s+/).every((word) => text.includes(word))
}

const text = (line: LogLine, name: string): string => {
  const fact = line.facts[name]
  return typeof fact === "string" ? fact : ""
}

export interface Failed {
  key: string
  at_s: number
  title: string
  /** Why, and what to do. */
  why: string
  request: string
  job: boolean
}

function sentence(said: string): string {
  const trimmed = said.trim()
  if (!trimmed) return ""
  const begun = trimmed.slice(0, 1).toUpperCase() + trimmed.slice(1)
  return /[.!?]$/.test(begun) ? begun : `${begun}.`
}

/** What a line of the log tells of a failure. */
export function failed(line: LogLine, request: (route: string) => string): Failed {
  const answer = line.event === "request"
  const about = ["model", "service"].map((name) => text(line, name)).find(Boolean)
  const title = answer ? request(`${text(line, "method")} ${text(line, "route")}`) : sentence(line.event).slice(0, -1)
  const why = [text(line, "why") || text(line, "kind") || text(line, "code"), text(line, "remedy")].map(sentence).filter(Boolean).join(" ")
  return { key: `l${line.number}`, at_s: line.at_s, title: about ? `${title}: ${about}` : title, why, request: line.request, job: false }
}

// All segments of a recording at a glance, a column each, and what is read off them. Columns are never changed in place.
import type { OutlineTable, SegmentCard } from "../../../api/schema"
import { lastUpTo } from "./words"

export type Rows = Omit<OutlineTable, "edited">

export const NONE: Rows = { id: [], start_s: [], end_s: [], speaker: [], characters: [] }

/** The segment that is said at a time, or the last one before it; -1 before the first. */
export function rowAt(rows: Rows, at_s: number): number {
  return lastUpTo(rows.start_s, at_s)
}

/** The rows with a segment as it is now, wherever it belongs. */
export function withSegment(rows: Rows, segment: SegmentCard, index: number | undefined): Rows {
  const characters = [...segment.text].length
  const same =
    index !== undefined && rows.start_s[index] === segment.start_s && rows.end_s[index] === segment.end_s &&
    rows.speaker[index] === segment.speaker && rows.characters[index] === characters
  if (same) return rows
  // A text that got longer moves nothing: what lies where stays the same thing, and nobody looks at it anew.
  if (index !== undefined && rows.start_s[index] === segment.start_s && rows.end_s[index] === segment.end_s && rows.speaker[index] === segment.speaker) {
    return { ...rows, characters: rows.characters.with(index, characters) }
  }
  const without = index === undefined ? rows : withoutRow(rows, index)
  let at = rowAt(without, segment.start_s) + 1
  while (at > 0 && without.start_s[at - 1] === segment.start_s && (without.id[at - 1] ?? 0) > segment.id) at--
  return {
    id: without.id.toSpliced(at, 0, segment.id),
    start_s: without.start_s.toSpliced(at, 0, segment.start_s),
    end_s: without.end_s.toSpliced(at, 0, segment.end_s),
    speaker: without.speaker.toSpliced(at, 0, segment.speaker),
    characters: without.characters.toSpliced(at, 0, characters),
  }
}

/** The rows without one of them. */
export function withoutRow(rows: Rows, index: number): Rows {
  return {
    id: rows.id.toSpliced(index, 1),
    start_s: rows.start_s.toSpliced(index, 1),
    end_s: rows.end_s.toSpliced(index, 1),
    speaker: rows.speaker.toSpliced(index, 1),
    characters: rows.characters.toSpliced(index, 1),
  }
}

/** The rows after some segments got another speaker. */
export function reassigned(rows: Rows, ids: ReadonlySet<number>, speaker: string): Rows {
  return { ...rows, speaker: rows.speaker.map((label, i) => (ids.has(rows.id[i] ?? 0) ? speaker : label)) }
}

/** Seconds that each speaker talks. */
export function talk(rows: Rows): Map<string, number> {
  const found = new Map<string, number>()
  for (const [i, label] of rows.speaker.entries()) {
    if (label !== null) found.set(label, (found.get(label) ?? 0) + (rows.end_s[i] ?? 0) - (rows.start_s[i] ?? 0))
  }
  return found
}

/** The rows of a speaker's block: those around one that the same speaker says without a break. */
export function block(rows: Rows, index: number): [first: number, last: number] {
  let first = index
  let last = index
  while (first > 0 && rows.speaker[first - 1] === rows.speaker[index]) first--
  while (last + 1 < rows.id.length && rows.speaker[last + 1] === rows.speaker[index]) last++
  return [first, last]
}

const PAUSE_S = 1.2
const RUN_UP_S = 0.25
/** Segments may overlap; an earlier one that is still being said lies at most so far back. */
const BACK = 8

/** Where to go on from a time at which nobody speaks; null while somebody does, or soon will. */
export function nextSpeech(rows: Rows, at_s: number): number | null {
  const here = rowAt(rows, at_s)
  for (let i = here; i >= 0 && i > here - BACK; i--) if ((rows.end_s[i] ?? 0) + RUN_UP_S > at_s) return null
  const next = rows.start_s[here + 1]
  return next === undefined || next - at_s < PAUSE_S ? null : next - RUN_UP_S
}

/** A free label for a speaker who is new. */
export function freeLabel(taken: Iterable<string>): string {
  const all = new Set(taken)
  let n = 1
  while (all.has(`S${n}`)) n++
  return `S${n}`
}

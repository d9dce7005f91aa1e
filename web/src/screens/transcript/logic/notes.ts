// Where notes and highlights lie among the segments. They belong to times, so they are looked for by these.
import type { NoteCard } from "../../../api/schema"
import { rowAt, type Rows } from "./rows"

type Placed = Pick<NoteCard, "kind" | "start_s" | "end_s">

/** Times that are closer are the same here. */
const NEAR_S = 0.01

/** The segment at which a note is shown; null where there is none at all. */
export function rowOf(rows: Rows, at_s: number): number | null {
  return rows.id[Math.max(0, rowAt(rows, at_s + NEAR_S))] ?? null
}

/** Notes and highlights by the segments they are shown at: a note at one, a highlight at all that it touches. */
export function placed<N extends Placed>(rows: Rows, notes: readonly N[]): { notes: Map<number, N[]>; lights: Map<number, N[]> } {
  const found = { notes: new Map<number, N[]>(), lights: new Map<number, N[]>() }
  const add = (to: Map<number, N[]>, id: number | null | undefined, note: N): void => {
    if (id != null) to.set(id, [...(to.get(id) ?? []), note])
  }
  for (const note of notes) {
    if (note.kind !== "highlight") {
      add(found.notes, rowOf(rows, note.start_s), note)
      continue
    }
    let i = Math.max(0, rowAt(rows, note.start_s + NEAR_S))
    if ((rows.end_s[i] ?? 0) <= note.start_s + NEAR_S) i++
    for (; i < rows.id.length && (rows.start_s[i] ?? 0) < note.end_s - NEAR_S; i++) add(found.lights, rows.id[i], note)
  }
  return found
}

/** Whether a word is highlighted: its middle is. */
export function lit(lights: readonly { start_s: number; end_s: number }[], word: { start_s: number; end_s: number }): boolean {
  const middle_s = (word.start_s + word.end_s) / 2
  return lights.some(({ start_s, end_s }) => start_s <= middle_s && middle_s <= end_s)
}

/** What of some highlights is left when a stretch is not highlighted any more. */
export function without(light: Placed, start_s: number, end_s: number): { start_s: number; end_s: number }[] {
  return [
    { start_s: light.start_s, end_s: Math.min(light.end_s, start_s) },
    { start_s: Math.max(light.start_s, end_s), end_s: light.end_s },
  ].filter((left) => left.end_s - left.start_s > NEAR_S)
}

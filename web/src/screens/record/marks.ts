// Marks of a recording become notes of it in the archive; those without words are highlights.
import { api } from "../../api/client"
import type { Mark } from "./said.svelte"

/** A recording in the archive, and where it begins in what this page has heard. */
export interface Part {
  recording: string
  base_s: number
}

/** The part that a moment lies in, and the second of it there; null where nothing is kept. */
export function within(at_s: number, parts: readonly Part[]): { recording: string; second: number } | null {
  const part = parts.findLast(({ base_s }) => base_s <= at_s) ?? parts[0]
  return part ? { recording: part.recording, second: Math.max(0, at_s - part.base_s) } : null
}

/** Write a mark down. Throws a `Failure`. */
export async function noted({ at_s, text }: Mark, parts: readonly Part[]): Promise<void> {
  const place = within(at_s, parts)
  if (!place) return
  const body = { start_s: place.second, end_s: place.second, kind: text.trim() ? ("note" as const) : ("highlight" as const), text: text.trim() }
  await api.POST("/api/recordings/{ident}/notes", { params: { path: { ident: place.recording } }, body })
}

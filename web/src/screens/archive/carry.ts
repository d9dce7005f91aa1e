// Transcripts that are carried away as files.
import { call } from "../../api/client"

/** Recordings that one question to the server has room for: it reads so many terms. */
export const MOST_RECORDINGS = 30
/** Segments that are asked for one by one. */
export const MOST_SEGMENTS = 500

/** Fetch a file and let the browser save it, under the name that the server gives it. Throws `Failure`. */
export async function carry(path: string, fallback: string): Promise<void> {
  const answer = await call(path)
  const named = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1]
  const anchor = document.createElement("a")
  anchor.href = URL.createObjectURL(await answer.blob())
  anchor.download = named ?? fallback
  anchor.click()
  setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000)
}

/** Recordings as files of a format: one alone, else archives of as many as fit. */
export async function recordings(ids: readonly string[], format: string): Promise<void> {
  if (ids.length === 1) return carry(`/api/recordings/${encodeURIComponent(ids[0] ?? "")}/export?format=${format}`, `transcript.${format}`)
  for (let n = 0; n < ids.length; n += MOST_RECORDINGS) {
    const some = ids.slice(n, n + MOST_RECORDINGS).map((id) => `recording:${id}`).join(" ")
    await carry(`/api/transcripts/export?${new URLSearchParams({ q: some, format })}`, `transcripts.zip`)
  }
}

/** What a query finds, or some segments alone. */
export async function segments(query: string, only: readonly number[] | null, format: string): Promise<void> {
  const asked = new URLSearchParams({ q: query, format })
  for (const id of only ?? []) asked.append("only", String(id))
  await carry(`/api/transcripts/export?${asked}`, `transcript.${format}`)
}

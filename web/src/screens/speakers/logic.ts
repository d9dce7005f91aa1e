// People, and where they are heard.
import { api, data } from "../../api/client"
import type { OutlineTable, PersonCard } from "../../api/schema"

/** A stretch of a recording in which somebody speaks. */
export interface Sample {
  recording: string
  from_s: number
  seconds: number
}

const LONGEST_S = 10

/** The longest that a speaker says at a stretch, its beginning. */
export function longest(outline: Pick<OutlineTable, "start_s" | "end_s" | "speaker">, speaker: string): { from_s: number; seconds: number } | null {
  let best: { from_s: number; seconds: number } | null = null
  outline.speaker.forEach((label, i) => {
    const [start, end] = [outline.start_s[i] ?? 0, outline.end_s[i] ?? 0]
    if (label === speaker && (!best || end - start > best.seconds)) best = { from_s: start, seconds: end - start }
  })
  return best && { from_s: (best as { from_s: number }).from_s, seconds: Math.max(1, Math.min(LONGEST_S, (best as { seconds: number }).seconds)) }
}

const found = new Map<string, Promise<Sample | null>>()

/** Where a speaker of a recording can be heard. */
export function sampleOf(recording: string, speaker: string): Promise<Sample | null> {
  const key = `${recording} ${speaker}`
  let there = found.get(key)
  if (!there) {
    there = data(api.GET("/api/recordings/{ident}/outline", { params: { path: { ident: recording } } })).then((outline) => {
      const place = longest(outline, speaker)
      return place && { recording, ...place }
    })
    there.catch(() => found.delete(key))
    found.set(key, there)
  }
  return there
}

/** Where a person can be heard: in the newest recordings first, with sound where there is some. */
export async function sampleOfPerson(person: string): Promise<Sample | null> {
  const { recordings } = await data(api.GET("/api/recordings", { params: { query: { person, limit: 10 } } }))
  for (const { id, speakers } of recordings) {
    const { files } = await data(api.GET("/api/recordings/{ident}", { params: { path: { ident: id } } }))
    const label = speakers.find((one) => one.person === person)?.id
    if (label === undefined || !files.some(({ kind }) => kind === "audio" || kind === "upload")) continue
    const sample = await sampleOf(id, label)
    if (sample) return sample
  }
  return null
}

/** A name as names are compared. */
export function folded(name: string): string {
  return name.normalize("NFC").split(/\s+/).filter(Boolean).join(" ").toLocaleLowerCase()
}

/** Who has a name already. */
export function namesakes(name: string, people: readonly PersonCard[]): PersonCard[] {
  return people.filter((one) => folded(one.name) === folded(name))
}

/** The recording and speaker that a voice was learned from, or null for a clip. */
export function originOf(origin: string): { recording: string; speaker: string } | null {
  const [, recording, speaker] = /^(r_[0-9a-f]{16}), (\S+)$/.exec(origin) ?? []
  return recording && speaker ? { recording, speaker } : null
}

/** The number of a speaker from its label: S2 is 1. */
export function nthOf(label: string): number {
  return Math.max(0, (Number(label.replace(/\D+/g, "")) || 1) - 1)
}

// How fast this server writes: the sample conversation, there and back.
import { call } from "../../api/client"

export interface Pace {
  /** Seconds of sound, and how long they took. */
  heard_s: number
  took_s: number
}

/** Seconds of sound in a second. */
export const pace = ({ heard_s, took_s }: Pace): number => heard_s / Math.max(took_s, 0.001)

/** Have a recording transcribed, and look at the clock. The model is loaded before that. Throws a `Failure`. */
export async function measured(sample: Blob, model: string): Promise<Pace> {
  await call(`/models/${encodeURIComponent(model)}`)
  const began = performance.now()
  const answer = await call(`/transcribe/${encodeURIComponent(model)}`, { method: "POST", body: sample, headers: { "content-type": "audio/wav" } })
  const { duration_s } = (await answer.json()) as { duration_s: number }
  return { heard_s: duration_s, took_s: (performance.now() - began) / 1000 }
}

/** What was measured before, as far as it makes sense. */
export function remembered(told: string | null): Record<string, Pace> {
  try {
    const found: unknown = JSON.parse(told ?? "{}")
    const good = Object.entries(found ?? {}).filter(([, one]) => Number((one as Pace | null)?.heard_s) > 0 && Number((one as Pace).took_s) > 0)
    return Object.fromEntries(good) as Record<string, Pace>
  } catch {
    return {}
  }
}

// When something was said, in bars that are neither too many nor too few.

export type Step = "hour" | "day" | "week" | "month"

/** So many seconds are shown by the hour. */
export const HOURLY_S = 3 * 86_400
const MOST_DAYS = 100
const MOST_WEEKS = 100

export interface Bar {
  /** Unix seconds. */
  from_s: number
  to_s: number
  segments: number
}

/** A length of time that fits a stretch. */
export function stepOf(seconds: number): Step {
  if (seconds <= HOURLY_S) return "hour"
  if (seconds <= MOST_DAYS * 86_400) return "day"
  return seconds <= MOST_WEEKS * 7 * 86_400 ? "week" : "month"
}

/** The beginning, here, of the stretch that holds a moment. */
function begin(unixS: number, step: Step): Date {
  const at = new Date(unixS * 1000)
  if (step === "hour") at.setMinutes(0, 0, 0)
  else at.setHours(0, 0, 0, 0)
  if (step === "week") at.setDate(at.getDate() - ((at.getDay() + 6) % 7))
  if (step === "month") at.setDate(1)
  return at
}

function after(at: Date, step: Step): Date {
  const next = new Date(at)
  if (step === "hour") next.setTime(at.getTime() + 3_600_000)
  else if (step === "day") next.setDate(at.getDate() + 1)
  else if (step === "week") next.setDate(at.getDate() + 7)
  else next.setMonth(at.getMonth() + 1)
  return next
}

/** Bars from the first to the last that something was said in, those between with nothing included. */
export function bars(said: readonly { at: string | number; segments: number }[], step: Step): Bar[] {
  const counted = new Map<number, number>()
  // the middle of what the server counted, whose edges may be an hour off where the clock was changed
  const half_s = step === "hour" ? 1800 : 43_200
  for (const { at, segments } of said) {
    const begun = begin(new Date(at).getTime() / 1000 + half_s, step).getTime()
    counted.set(begun, (counted.get(begun) ?? 0) + segments)
  }
  const [first, last] = [Math.min(...counted.keys()), Math.max(...counted.keys())]
  const found: Bar[] = []
  if (!counted.size) return found
  for (let at = new Date(first); at.getTime() <= last; ) {
    const next = after(at, step)
    found.push({ from_s: at.getTime() / 1000, to_s: next.getTime() / 1000, segments: counted.get(at.getTime()) ?? 0 })
    at = next
  }
  return found
}

// Where the words of a segment stand in its text, so that a click finds a time and a time finds a word.
import type { SegmentCard } from "../../../api/schema"

export interface Spot {
  /** Offsets in the text, in UTF-16 units as the DOM counts. */
  from: number
  to: number
  start_s: number
  end_s: number
  /** The recogniser was not sure. */
  low: boolean
}

/** Words that are less likely than this are marked. */
export const LOW = 0.5

/** A word that is not where it is expected is looked for so far ahead. */
const AHEAD = 40

type Said = Pick<SegmentCard, "text" | "words" | "start_s" | "end_s">

/** The words of a segment in its text. Where there are none, its tokens share its time by their lengths. */
export function spots(said: Said): Spot[] {
  const found: Spot[] = []
  let at = 0
  for (const word of said.words) {
    const text = word.text.trim()
    const from = text ? said.text.indexOf(text, at) : -1
    if (from < 0 || from > at + AHEAD) continue
    at = from + text.length
    found.push({ from, to: at, start_s: word.start_s, end_s: word.end_s, low: word.confidence !== null && word.confidence < LOW })
  }
  return found.length ? found : shared(said)
}

function shared({ text, start_s, end_s }: Said): Spot[] {
  const share = (end_s - start_s) / (text.length || 1)
  return [...text.matchAll(/\S+/g)].map(({ 0: token, index }) => ({
    from: index,
    to: index + token.length,
    start_s: start_s + index * share,
    end_s: start_s + (index + token.length) * share,
    low: false,
  }))
}

/** The last of some sorted numbers that is not above a value; -1 where all are. */
export function lastUpTo(numbers: ArrayLike<number>, value: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((numbers[middle] ?? 0) <= value) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** The word that is said at a time: the last one that has begun. */
export function spoken(words: readonly Spot[], at_s: number): Spot | null {
  let low = 0
  let high = words.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((words[middle]?.start_s ?? 0) <= at_s) low = middle + 1
    else high = middle
  }
  return words[low - 1] ?? null
}

/** The word at an offset in the text, or the one before it. */
export function wordAt(words: readonly Spot[], offset: number): Spot | null {
  return words.findLast((word) => word.from <= offset) ?? words[0] ?? null
}

/** An offset as the server counts: in characters, not in UTF-16 units. */
export function characters(text: string, offset: number): number {
  return [...text.slice(0, offset)].length
}

/** Seconds of a time as people write it: 95, 1:35, 1:02:03.5. Null for what is no time. */
export function seconds(written: string): number | null {
  const match = /^\s*(?:(?:(\d+):)?(\d{1,3}):)?(\d+(?:[.,]\d+)?)\s*$/.exec(written)
  if (!match) return null
  const [, h, m, s] = match
  return Number(h ?? 0) * 3600 + Number(m ?? 0) * 60 + Number((s ?? "0").replace(",", "."))
}

const RIGHT_TO_LEFT = new Set(["ar", "arc", "ckb", "dv", "fa", "he", "iw", "ks", "ps", "sd", "syr", "ug", "ur", "yi"])

/** Whether a language is written from right to left. */
export function rightToLeft(language: string | null | undefined): boolean {
  return RIGHT_TO_LEFT.has((language ?? "").split("-")[0]?.toLowerCase() ?? "")
}

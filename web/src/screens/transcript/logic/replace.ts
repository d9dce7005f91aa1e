// Finding a text letter by letter, and putting another one in its place.

export interface Wanted {
  text: string
  /** Capital letters are told from small ones. */
  case: boolean
  /** Only where it is no part of a word. */
  words: boolean
}

/** What is looked for, as a pattern that finds all of it; null for nothing. */
export function pattern({ text, case: exact, words }: Wanted): RegExp | null {
  if (!text.trim()) return null
  const plain = text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")
  const letter = "[\\p{L}\\p{M}\\p{N}_]"
  return new RegExp(words ? `(?<!${letter})${plain}(?!${letter})` : plain, exact ? "gu" : "giu")
}

/** Where it is found, as offsets. */
export function places(text: string, wanted: RegExp): [from: number, to: number][] {
  return [...text.matchAll(wanted)].map(({ 0: found, index }) => [index, index + found.length])
}

/** The text with something else in all these places, as one line. */
export function replaced(text: string, wanted: RegExp, by: string): string {
  return text.replace(wanted, () => by).replace(/\s+/g, " ").trim()
}

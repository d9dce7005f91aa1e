// A text with the places in it that were looked for.

/** The text in pieces, those that were looked for marked. Places are in Unicode characters, which JavaScript's are not. */
export function marked(text: string, marks: readonly { start: number; end: number }[]): { text: string; hit: boolean }[] {
  if (!marks.length) return [{ text, hit: false }]
  const letters = Array.from(text)
  const found: { text: string; hit: boolean }[] = []
  let at = 0
  for (const { start, end } of [...marks].sort((a, b) => a.start - b.start)) {
    if (end <= at) continue
    if (start > at) found.push({ text: letters.slice(at, start).join(""), hit: false })
    found.push({ text: letters.slice(Math.max(at, start), end).join(""), hit: true })
    at = end
  }
  if (at < letters.length) found.push({ text: letters.slice(at).join(""), hit: false })
  return found
}

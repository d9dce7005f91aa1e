// Marks over the text that is shown, without an element for each word: the browser's own highlights. A browser that has
// none shows none. The spoken word is found by a binary search.
import type { SegmentCard } from "../../../api/schema"
import { lit } from "../logic/notes"
import { places } from "../logic/replace"
import { spoken, spots, type Spot } from "../logic/words"

interface Shown {
  node: Text
  spots: Spot[]
  ranges: Range[]
}

interface Stretch {
  start_s: number
  end_s: number
}

const NAMES = { spoken: "ew-spoken", low: "ew-low", found: "ew-found", light: "ew-light" } as const

export class Marks {
  private readonly shown = new Map<number, Shown>()
  private readonly spoken = made(NAMES.spoken, 2)
  private readonly low = made(NAMES.low, 0)
  private readonly found = made(NAMES.found, 1)
  private readonly light = made(NAMES.light, -1)
  private now: Spot | null = null

  /** The text of a segment is shown in an element; what is returned takes its marks away. */
  show(element: HTMLElement, segment: SegmentCard, text: string, find: RegExp | null, lights: readonly Stretch[]): () => void {
    const node = [...element.childNodes].find((child): child is Text => child instanceof Text && child.data === text)
    if (!node) return () => {}
    const words = spots({ ...segment, text })
    const ranges: Range[] = []
    const mark = (on: Highlight | null, from: number, to: number): void => {
      const range = between(node, from, to)
      if (on && range) on.add(range), ranges.push(range)
    }
    for (const { from, to, low } of words) if (low) mark(this.low, from, to)
    if (lights.length) for (const [from, to] of litPlaces(words, lights)) mark(this.light, from, to)
    if (find) for (const [from, to] of places(text, find)) mark(this.found, from, to)
    const mine = { node, spots: words, ranges }
    this.shown.set(segment.id, mine)
    return () => {
      for (const range of ranges) this.low?.delete(range), this.found?.delete(range), this.light?.delete(range)
      if (this.shown.get(segment.id) === mine) this.shown.delete(segment.id)
    }
  }

  /** Mark the word that is said at a time in a segment; null for none. */
  say(id: number | null, at_s: number): void {
    if (!this.spoken) return
    const shown = id === null ? undefined : this.shown.get(id)
    const word = shown ? spoken(shown.spots, at_s) : null
    if (word === this.now) return
    this.now = word
    this.spoken.clear()
    const range = shown && word && between(shown.node, word.from, word.to)
    if (range) this.spoken.add(range)
  }

  /** The offset in a segment's text under a point of the screen, and its words; null beside the text. */
  under(id: number, x: number, y: number): { offset: number; spots: Spot[] } | null {
    const shown = this.shown.get(id)
    const caret = shown && caretAt(x, y)
    return caret && caret.node === shown.node ? { offset: caret.offset, spots: shown.spots } : null
  }

  /** The time of what is chosen in a segment's text, as far as a selection reaches into it, by words. */
  chosen(id: number, range: Range): Stretch | null {
    const shown = this.shown.get(id)
    if (!shown) return null
    const from = range.startContainer === shown.node ? range.startOffset : 0
    const to = range.endContainer === shown.node ? range.endOffset : shown.node.length
    const some = shown.spots.filter((spot) => spot.from < to && spot.to > from)
    const [first, last] = [some[0], some.at(-1)]
    return first && last ? { start_s: first.start_s, end_s: last.end_s } : null
  }

  close(): void {
    for (const name of Object.values(NAMES)) if (supported()) CSS.highlights.delete(name)
  }
}

/** Where highlighted words stand in a text, those beside each other as one. */
function litPlaces(words: readonly Spot[], lights: readonly Stretch[]): [from: number, to: number][] {
  const found: [number, number][] = []
  let before = false
  for (const word of words) {
    const now = lit(lights, word)
    const last = found.at(-1)
    if (now && before && last) last[1] = word.to
    else if (now) found.push([word.from, word.to])
    before = now
  }
  return found
}

function supported(): boolean {
  return typeof Highlight !== "undefined" && typeof CSS !== "undefined" && "highlights" in CSS
}

function made(name: string, priority: number): Highlight | null {
  if (!supported()) return null
  const highlight = new Highlight()
  highlight.priority = priority
  CSS.highlights.set(name, highlight)
  return highlight
}

function between(node: Text, from: number, to: number): Range | null {
  if (to > node.length) return null
  const range = new Range()
  range.setStart(node, from)
  range.setEnd(node, to)
  return range
}

function caretAt(x: number, y: number): { node: Node; offset: number } | null {
  if ("caretPositionFromPoint" in document) {
    const found = document.caretPositionFromPoint(x, y)
    return found && { node: found.offsetNode, offset: found.offset }
  }
  const found = (document as Document & { caretRangeFromPoint?: (x: number, y: number) => Range | null }).caretRangeFromPoint?.(x, y)
  return found ? { node: found.startContainer, offset: found.startOffset } : null
}

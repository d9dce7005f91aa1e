// What differs between two texts, word by word.

export interface Piece {
  kind: "same" | "gone" | "new"
  text: string
}

/** Larger comparisons than this many pairs of words are not made: all between the common ends differs. */
const MOST = 1_000_000

/** The pieces that lead from one text to another; joined, those that are not `new` are the first text. */
export function difference(before: string, after: string): Piece[] {
  const a = before.match(/\s*\S+|\s+$/g) ?? []
  const b = after.match(/\s*\S+|\s+$/g) ?? []
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++
  const found: Piece[] = []
  const add = (kind: Piece["kind"], text: string | undefined): void => {
    const last = found.at(-1)
    if (!text) return
    if (last?.kind === kind) last.text += text
    else found.push({ kind, text })
  }
  add("same", a.slice(0, head).join(""))
  for (const [kind, text] of between(a.slice(head, a.length - tail), b.slice(head, b.length - tail))) add(kind, text)
  add("same", a.slice(a.length - tail).join(""))
  return found
}

function* between(a: string[], b: string[]): Generator<[Piece["kind"], string]> {
  if (a.length * b.length > MOST) {
    yield ["gone", a.join("")]
    yield ["new", b.join("")]
    return
  }
  // The longest common subsequence, from behind.
  const width = b.length + 1
  const length = new Uint32Array((a.length + 1) * width)
  const of = (i: number, j: number): number => length[i * width + j] ?? 0
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      length[i * width + j] = a[i]?.trim() === b[j]?.trim() ? of(i + 1, j + 1) + 1 : Math.max(of(i + 1, j), of(i, j + 1))
    }
  }
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const [left, right] = [a[i], b[j]]
    if (left !== undefined && right !== undefined && left.trim() === right.trim()) {
      yield ["same", left]
      i++, j++
    } else if (left !== undefined && (right === undefined || of(i + 1, j) >= of(i, j + 1))) {
      yield ["gone", left]
      i++
    } else {
      yield ["new", right ?? ""]
      j++
    }
  }
}

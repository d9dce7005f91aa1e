import { expect, test } from "vitest"

import type { SegmentCard } from "../../api/schema"
import { fresh, joined } from "./follow.svelte"

const line = (id: number, start_s: number, more: Partial<SegmentCard> = {}): SegmentCard => ({
  id, recording: "r", revision: 0, by_person: false, said_s: 0, start_s, end_s: start_s + 1, text: "", language: null, speaker: null, confidence: null, words: [], ...more,
})
const draft = (end_s: number) => ({ recording: "r", stable: "", draft: "", start_s: end_s - 1, end_s })

test("segments stand once, in the order of time, and the newest stay", () => {
  const first = [line(2, 5), line(1, 1)]
  expect(joined(first, [line(3, 3), line(2, 5, { text: "new" })]).map(({ id, text }) => [id, text])).toEqual([[1, ""], [3, ""], [2, "new"]])
  const many = Array.from({ length: 100 }, (_, n) => line(n, n))
  expect(joined([], many)[0]?.id).toBe(40)
})

test("a draft of what is final already is old", () => {
  expect(fresh(draft(3), [])).toBe(true)
  expect(fresh(draft(3), [line(1, 1)])).toBe(true)
  expect(fresh(draft(2), [line(1, 1)])).toBe(false)
})

import { expect, test } from "vitest"

import type { SegmentCard } from "../../../api/schema"
import { difference } from "./diff"
import { pattern, places, replaced } from "./replace"
import { block, freeLabel, nextSpeech, NONE, reassigned, rowAt, talk, withoutRow, withSegment, type Rows } from "./rows"
import { characters, seconds, spoken, spots, wordAt } from "./words"

const word = (text: string, start_s: number, confidence: number | null = 0.9) => ({ text, start_s, end_s: start_s + 0.5, confidence, speaker: null })
const said = (id: number, start_s: number, text: string, speaker: string | null = null): SegmentCard => ({
  id, recording: "r", revision: 0, by_person: false, said_s: 0, start_s, end_s: start_s + 2, text, language: "en", speaker, confidence: null,
  words: text.split(" ").map((t, i) => word(t, start_s + i)),
})

test("words are found in the text, also twice the same and after one that is missing", () => {
  const found = spots({ text: "the cat, the dog", start_s: 0, end_s: 4, words: [word("the", 0), word("cat,", 1), word("ghost", 2), word("the", 2), word("dog", 3, 0.2)] })
  expect(found.map((w) => [w.from, w.to])).toEqual([[0, 3], [4, 8], [9, 12], [13, 16]])
  expect(found.map((w) => w.low)).toEqual([false, false, false, true])
  expect(spoken(found, 2.7)?.from).toBe(9)
  expect(spoken(found, -1)).toBeNull()
  expect(wordAt(found, 6)?.from).toBe(4)
  expect(wordAt(found, 99)?.from).toBe(13)
})

test("a word far away is not taken for one that is near", () => {
  const text = "x".repeat(60) + " a b"
  expect(spots({ text, start_s: 0, end_s: 4, words: [word("a", 0), word("x".repeat(60), 1), word("b", 3)] }).map((w) => w.from)).toEqual([0, 63])
})

test("where there are no words, tokens share the time", () => {
  const found = spots({ text: "ab cd", start_s: 10, end_s: 15, words: [] })
  expect(found.map((w) => [w.start_s, w.end_s])).toEqual([[10, 12], [13, 15]])
  expect(spots({ text: "", start_s: 0, end_s: 1, words: [] })).toEqual([])
})

test("offsets are counted in characters for the server", () => {
  expect(characters("a😀b", 3)).toBe(2)
  expect(characters("abc", 2)).toBe(2)
})

test("times are read as people write them", () => {
  expect(["95", "1:35", "1:02:03.5", " 0:07 ", "1:2,5"].map(seconds)).toEqual([95, 95, 3723.5, 7, 62.5])
  expect(["", "x", "1:", ":3", "-5", "1:2:3:4"].map(seconds)).toEqual([null, null, null, null, null, null])
})

const rows = (): Rows => [said(1, 0, "one", "S1"), said(2, 2, "two", "S1"), said(3, 10, "three", "S2")].reduce<Rows>((all, s) => withSegment(all, s, undefined), NONE)

test("rows stay in order, whatever comes", () => {
  let all = rows()
  expect(all.id).toEqual([1, 2, 3])
  all = withSegment(all, said(4, 5, "between"), undefined)
  all = withSegment(all, said(5, 2, "at the same time"), undefined)
  expect(all.id).toEqual([1, 2, 5, 4, 3])
  all = withSegment(all, said(1, 6, "later", "S2"), 0)
  expect(all.id).toEqual([2, 5, 4, 1, 3])
  expect(withSegment(all, said(2, 2, "two", "S1"), 0)).toBe(all)
  const longer = withSegment(all, said(2, 2, "two and more", "S1"), 0)
  expect(longer.characters[0]).toBe(12)
  expect([longer.id, longer.start_s, longer.speaker].every((column, i) => column === [all.id, all.start_s, all.speaker][i])).toBe(true)
  expect(withoutRow(all, 1).id).toEqual([2, 4, 1, 3])
  expect([-1, 0, 2.5, 99].map((s) => rowAt(rows(), s))).toEqual([-1, 0, 1, 2])
})

test("who talks how much, and in which blocks", () => {
  expect([...talk(rows())]).toEqual([["S1", 4], ["S2", 2]])
  expect(block(rows(), 0)).toEqual([0, 1])
  expect(block(rows(), 2)).toEqual([2, 2])
  expect(reassigned(rows(), new Set([2, 3]), "S3").speaker).toEqual(["S1", "S3", "S3"])
  expect(freeLabel(["S1", "S3"])).toBe("S2")
})

test("silence is skipped, speech is not", () => {
  expect(nextSpeech(rows(), 1)).toBeNull()
  expect(nextSpeech(rows(), 5)).toBe(9.75)
  expect(nextSpeech(rows(), 9)).toBeNull()
  expect(nextSpeech(rows(), 50)).toBeNull()
  const long = withSegment(rows(), { ...said(0, 0, "all the while"), end_s: 9 }, undefined)
  expect(nextSpeech(long, 5)).toBeNull()
})

test("differences are told word by word", () => {
  const told = (a: string, b: string) => difference(a, b).map(({ kind, text }) => `${kind[0]}:${text}`)
  expect(told("Their is a house.", "There is a big house.")).toEqual(["g:Their", "n:There", "s: is a", "n: big", "s: house."])
  expect(told("same", "same")).toEqual(["s:same"])
  expect(told("", "new")).toEqual(["n:new"])
  expect(told("a b", "")).toEqual(["g:a b"])
  const [a, b] = ["x ".repeat(2000).trim(), "y ".repeat(2000).trim()]
  expect(difference(a, b).map((p) => p.kind)).toEqual(["gone", "new"])
})

test("the first text is what is not new, and the other what is not gone", () => {
  const a = "the quick brown fox jumps over the lazy dog"
  const b = "a quick red fox jumped over dogs and the lazy"
  const pieces = difference(a, b)
  expect(pieces.filter((p) => p.kind !== "new").map((p) => p.text).join("")).toBe(a)
  expect(pieces.filter((p) => p.kind !== "gone").map((p) => p.text.trim()).join(" ").replace(/\s+/g, " ")).toBe(b)
})

test("what is looked for is taken by the letter", () => {
  const plain = pattern({ text: "a.c", case: false, words: false })!
  expect(places("abc A.C xa.c", plain)).toEqual([[4, 7], [9, 12]])
  expect(places("a.c A.C", pattern({ text: "A.C", case: true, words: false })!)).toEqual([[4, 7]])
  expect(places("cat concat Cat cätcat", pattern({ text: "cat", case: false, words: true })!)).toEqual([[0, 3], [11, 14]])
  expect(places("schön schöner", pattern({ text: "schön", case: false, words: true })!)).toEqual([[0, 5]])
  expect(pattern({ text: "  ", case: false, words: false })).toBeNull()
  expect(pattern({ text: "-/]{", case: false, words: false })!.test("x-/]{x")).toBe(true)
})

test("what is put in its place is taken by the letter, too", () => {
  expect(replaced("one two one", pattern({ text: "one", case: false, words: true })!, "$&\\1")).toBe("$&\\1 two $&\\1")
  expect(replaced("one two", pattern({ text: "one", case: false, words: false })!, "")).toBe("two")
})

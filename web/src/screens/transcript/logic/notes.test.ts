import { expect, test } from "vitest"

import { lit, placed, rowOf, without } from "./notes"

const rows = { id: [7, 8, 9], start_s: [0, 5, 10], end_s: [4, 9, 14], speaker: [null, null, null], characters: [1, 1, 1] }

test("a note is shown where it begins, a highlight at all that it touches", () => {
  const at = (kind: string, start_s: number, end_s: number) => ({ kind, start_s, end_s })
  const notes = [at("note", 5, 9), at("note", 4.5, 4.5), at("highlight", 3, 11), at("highlight", 5, 9), at("highlight", 4.2, 4.8)]
  const found = placed(rows, notes)
  expect([...found.notes]).toEqual([[8, [notes[0]]], [7, [notes[1]]]])
  expect([...found.lights]).toEqual([[7, [notes[2]]], [8, [notes[2], notes[3]]], [9, [notes[2]]]])
  expect(rowOf(rows, 99)).toBe(9)
  expect(rowOf({ ...rows, id: [], start_s: [] }, 1)).toBeNull()
})

test("a word is highlighted by its middle", () => {
  const lights = [{ start_s: 1, end_s: 2 }]
  expect(lit(lights, { start_s: 0.8, end_s: 1.4 })).toBe(true)
  expect(lit(lights, { start_s: 0.4, end_s: 1.2 })).toBe(false)
  expect(lit([], { start_s: 0, end_s: 1 })).toBe(false)
})

test("what is left of a highlight", () => {
  const light = { kind: "highlight", start_s: 1, end_s: 4 }
  expect(without(light, 2, 3)).toEqual([{ start_s: 1, end_s: 2 }, { start_s: 3, end_s: 4 }])
  expect(without(light, 0, 3)).toEqual([{ start_s: 3, end_s: 4 }])
  expect(without(light, 1, 4)).toEqual([])
})

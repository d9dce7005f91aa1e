import { expect, test } from "vitest"

import { begin, end, looks, NOTHING, path, query, read, stretch } from "./ask"
import { marked } from "./marked"
import { parsed } from "./saved.svelte"
import { bars, stepOf } from "./times"

test("what is asked is the address, and back", () => {
  const ask = { ...NOTHING, text: 'fire "smoke detector" -drill', mode: "both" as const, who: "Anna <b>", from: "2026-11-01", to: "2026-11-03T12:30", within: "r_1" }
  const told = path(ask)
  expect(read(new URLSearchParams(told.split("?")[1]))).toEqual(ask)
  expect(path(NOTHING)).toBe("/archive")
  expect(path({ ...NOTHING, text: "  " })).toBe("/archive")
})

test("an address may hold anything", () => {
  const ask = read(new URLSearchParams("by=magic&sort=worst&from=yesterday&to=2026-99-99&q=%00x"))
  expect([ask.mode, ask.best, ask.from, ask.to]).toEqual(["words", false, "", ""])
  expect(looks(read(new URLSearchParams("from=2026-11-01")))).toBe(false)
  expect(looks(read(new URLSearchParams("who=Anna")))).toBe(true)
})

test("filters stand behind the words", () => {
  expect(query({ ...NOTHING, text: " fire ", who: "p_0123456789abcdef", lang: "de", within: "r_1" })).toBe("fire person:p_0123456789abcdef lang:de recording:r_1")
  expect(query({ ...NOTHING, who: 'Bert "the" O\'Hara' })).toBe('speaker:"Bert  the  O\'Hara"')
  const dated = query({ ...NOTHING, from: "2026-11-01", to: "2026-11-01" }).split(" ")
  expect(dated.map((part) => part.slice(0, part.indexOf(":")))).toEqual(["after", "before"])
  expect(end("2026-11-01") - begin("2026-11-01")).toBe(86_400)
  expect(dated[0]).toMatch(/^after:2026-1[01]-\d\dT\d\d:\d\d:00\+00:00$/)
})

test("a stretch of whole days is told in days", () => {
  expect(stretch(begin("2026-11-01"), end("2026-11-03"))).toEqual({ from: "2026-11-01", to: "2026-11-03" })
  expect(stretch(begin("2026-11-01T10:00"), begin("2026-11-02"))).toEqual({ from: "2026-11-01T10:00", to: "2026-11-02T00:00" })
})

test("marks are of characters, and may lie over each other", () => {
  expect(marked("😀 a fire", [{ start: 4, end: 8 }])).toEqual([{ text: "😀 a ", hit: false }, { text: "fire", hit: true }])
  expect(marked("abcdef", [{ start: 2, end: 4 }, { start: 0, end: 3 }]).map((piece) => piece.text)).toEqual(["abc", "d", "ef"])
  expect(marked("x", [])).toEqual([{ text: "x", hit: false }])
})

test("bars have no holes, and fit their stretch", () => {
  const day = (date: string) => new Date(begin(date) * 1000).toISOString()
  const found = bars([{ at: day("2026-11-01"), segments: 2 }, { at: day("2026-11-04"), segments: 1 }], "day")
  expect(found.map((bar) => bar.segments)).toEqual([2, 0, 0, 1])
  expect(bars([{ at: day("2026-01-05"), segments: 2 }, { at: day("2026-02-07"), segments: 1 }], "month").map((bar) => bar.segments)).toEqual([2, 1])
  expect(bars([], "day")).toEqual([])
  expect([86_400, 86_400 * 50, 86_400 * 400, 86_400 * 4000].map(stepOf)).toEqual(["hour", "day", "week", "month"])
})

test("kept searches may be damaged", () => {
  expect(parsed("{")).toEqual([])
  expect(parsed('[1, null, {"name": "x"}, {"name": "x", "path": "https://else"}, {"name": "fire", "path": "/archive?q=fire"}]')).toEqual([{ name: "fire", path: "/archive?q=fire" }])
})

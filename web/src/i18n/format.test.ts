import { beforeEach, expect, test } from "vitest"

import { ago, bytes, clock, number } from "./format"
import { tongue } from "./index.svelte"
import { plural } from "./plural"

beforeEach(() => tongue.choose("en"))

test("seconds are a clock", () => {
  expect([0, 61.9, 3599.99, 3600, 36_061].map((s) => clock(s))).toEqual(["0:00", "1:01", "59:59", "1:00:00", "10:01:01"])
  expect([0.06, 1.3, 59.95].map((s) => clock(s, true))).toEqual(["0:00.0", "0:01.3", "0:59.9"])
})

test("bytes and numbers follow the language", () => {
  expect(bytes(0)).toBe("0 byte")
  expect(bytes(1_500_000)).toBe("1.5 MB")
  tongue.choose("de")
  expect(bytes(1_500_000)).toBe("1,5 MB")
  expect(number(1234.5, 1)).toBe("1.234,5")
})

test("a moment is told from now", () => {
  expect(ago(1000, 1030)).toBe("now")
  expect(ago(1000, 1000 + 7200)).toBe("2 hours ago")
})

test("plurals go by the language", () => {
  expect([0, 1, 2].map((n) => plural("en", n, { one: "# word", other: "# words" }))).toEqual(["0 words", "1 word", "2 words"])
})

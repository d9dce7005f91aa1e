import { expect, test } from "vitest"

import { pace, remembered } from "./machine"

test("a pace is seconds of sound in a second", () => {
  expect(pace({ heard_s: 28, took_s: 2 })).toBe(14)
})

test("what makes no sense was not measured", () => {
  for (const told of [null, "nonsense", "null", '{"a": null}', '{"a": {"heard_s": 0, "took_s": 1}}']) expect(remembered(told)).toEqual({})
  expect(remembered('{"a": {"heard_s": 28, "took_s": 2}}')).toEqual({ a: { heard_s: 28, took_s: 2 } })
})

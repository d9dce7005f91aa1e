import { expect, test } from "vitest"

import { loudness, meaning } from "./sound"

test("loudness is told between silence and the loudest there is", () => {
  expect(loudness(new Int16Array(640))).toBe(0)
  expect(loudness(new Int16Array(640).fill(32767))).toBeCloseTo(1, 3)
  expect(loudness(new Int16Array(640).fill(328))).toBeCloseTo(1 / 3, 2) // 40 dB below
})

test("what the browser says is what somebody can act on", () => {
  const says = (name: string, of: "microphone" | "tab" = "microphone") => meaning(new DOMException("", name), of).trouble
  expect([says("NotAllowedError"), says("NotFoundError"), says("NotReadableError"), says("Surprise")]).toEqual(["denied", "none", "busy", "broken"])
  expect([says("NotAllowedError", "tab"), meaning(new TypeError("x"), "microphone").trouble]).toEqual(["unshared", "insecure"])
})

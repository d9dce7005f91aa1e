import { expect, test } from "vitest"

import { keyOf } from "./shared"

const KEY = `ew_0123abcd_${"x".repeat(43)}`

test("a key is one of captions, and stands behind the address", () => {
  expect(keyOf({ pathname: "/app/captions/r_1", hash: `#key=${KEY}` })).toBe(KEY)
  expect(keyOf({ pathname: "/app/captions/r_1", hash: "" })).toBeNull()
  expect(keyOf({ pathname: "/app/captions/r_1", hash: "#key=ew_nonsense" })).toBeNull()
  expect(keyOf({ pathname: "/app/t/r_1", hash: `#key=${KEY}` })).toBeNull()
})

import { expect, test } from "vitest"

import { matched } from "./router.svelte"

test("a path is matched part by part, and its parts are decoded", () => {
  expect(matched("/t/:id", "/t/r_1%2F2")).toEqual({ id: "r_1/2" })
  expect(matched("/t/:id", "/t/r_1/")).toEqual({ id: "r_1" })
  expect(matched("/files", "/files")).toEqual({})
  expect(matched("/", "/")).toEqual({})
})

test("what does not fit is no match", () => {
  for (const path of ["/t", "/t/", "/t/1/2", "/files", "/t/%E0%A4%A"]) expect(matched("/t/:id", path)).toBeNull()
})

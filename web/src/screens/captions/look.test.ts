import { expect, test } from "vitest"

import { styled } from "./look.svelte"

const at = (query: string) => new URLSearchParams(query)

test("what the address says goes before what was remembered", () => {
  expect(styled(null, at(""))).toEqual({ size: 8, look: "dark", lines: "0", speakers: true })
  const before = '{"size":12,"look":"light","speakers":false}'
  expect(styled(before, at("bare&lines=2"))).toEqual({ size: 12, look: "light", lines: "2", speakers: false })
  expect(styled(before, at("size=5&look=yellow&speakers=1"))).toEqual({ size: 5, look: "yellow", lines: "0", speakers: true })
})

test("what makes no sense is left out", () => {
  expect(styled("nonsense", at("size=huge&look=pink&lines=99"))).toEqual(styled(null, at("")))
  expect(styled("null", at("size=1000")).size).toBe(24)
})

import { expect, test } from "vitest"

import { within } from "./marks"

test("a mark lies in the recording that was made then", () => {
  const parts = [{ recording: "r_1", base_s: 0 }, { recording: "r_2", base_s: 60 }]
  expect(within(5, parts)).toEqual({ recording: "r_1", second: 5 })
  expect(within(61.5, parts)).toEqual({ recording: "r_2", second: 1.5 })
  expect(within(5, [])).toBeNull()
})

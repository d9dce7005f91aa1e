import { expect, test } from "vitest"

import type { LogLine, System } from "../../api/schema"
import { archived, drawn, failed, matches } from "./figures"

const line = (facts: Record<string, unknown>, event = "not loaded"): LogLine => ({ number: 7, at_s: 1, level: "warning", event, request: "req_1", facts })

test("a chart has its times and a column for each line", () => {
  const told = { recent: { at_s: [1, 2], lag_s: [0, 3], event_lag_s: [0, 1] }, day: {} } as unknown as System
  expect(drawn(told, "recent", "lag")).toEqual([[1, 2], [0, 3], [0, 1]])
  expect(drawn(told, "day", "cpu")).toEqual([[], []])
})

test("what is free is no part of the archive", () => {
  expect(archived({ audio: 5, database: 2, free: 100 })).toBe(7)
})

test("lines are found by all words, whatever their letters' size", () => {
  const told = line({ model: "whisper-base", took_s: 1.5 })
  expect(matches(told, "WHISPER req_1")).toBe(true)
  expect(matches(told, "took_s=1.5")).toBe(true)
  expect(matches(told, "whisper tiny")).toBe(false)
})

test("a failure says why and what to do", () => {
  const told = failed(line({ model: "whisper-base", why: "the disk is full", remedy: "Free some space." }), String)
  expect(told.title).toBe("Not loaded: whisper-base")
  expect(told.why).toBe("The disk is full. Free some space.")
})

test("a failed request is told by its route and code", () => {
  const told = failed(line({ method: "POST", route: "/inference", status: 500, code: "engine_failed" }, "request"), (route) => `Failed: ${route}`)
  expect(told.title).toBe("Failed: POST /inference")
  expect(told.why).toBe("Engine_failed.")
})

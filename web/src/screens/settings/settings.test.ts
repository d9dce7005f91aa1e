import { expect, test } from "vitest"

import { agent } from "./agent"
import { grouped } from "./grouped"
import { LEAST, thoughtUp } from "./passwords"
import { snippet, TONGUES, type Tongue } from "./snippets"

test("browsers are told by two words", () => {
  const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
  expect(agent(chrome)).toEqual({ browser: "Chrome", system: "Windows" })
  expect(agent(`${chrome} Edg/140.0`)).toEqual({ browser: "Edge", system: "Windows" })
  expect(agent("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1")).toEqual({ browser: "Safari", system: "iPhone" })
  expect(agent("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0")).toEqual({ browser: "Firefox", system: "Android" })
  expect(agent("curl/8.5.0")).toEqual({ browser: null, system: null })
})

test("what one may do with a thing is told once", () => {
  const grant = (id: number, verb: string, recording: string) => ({ id, user: "u", verb, recording, source: null })
  const found = grouped([grant(1, "view", "r1"), grant(2, "view", "r2"), grant(3, "listen", "r1")])
  expect(found.map(({ recording, verbs }) => [recording, ...verbs.keys()])).toEqual([["r1", "view", "listen"], ["r2", "view"]])
})

test("a password that is thought up will do, and is another each time", () => {
  const some = Array.from({ length: 50 }, thoughtUp)
  expect(new Set(some).size).toBe(50)
  for (const one of some) {
    expect(one).toMatch(/^[a-z2-9]{5}(-[a-z2-9]{5}){3}$/)
    expect(one.length).toBeGreaterThan(LEAST)
  }
})

test("each example has the address and the key", () => {
  for (const tongue of Object.keys(TONGUES) as Tongue[]) {
    const text = snippet(tongue, "https://ears.example/v1", "ew_1_x")
    expect(text).toContain("https://ears.example/v1")
    expect(text).toContain("ew_1_x")
  }
})

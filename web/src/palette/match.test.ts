import { expect, test } from "vitest"

import { meant, type Command } from "./match"

const commands: Command[] = ["Home", "Record", "Newest recordings", "Theme: High contrast", "Über uns"].map((text) => ({ id: text, group: "go", text, run() {} }))

const found = (typed: string): string[] => meant(commands, typed).map(({ text }) => text)

test("nothing typed leaves all in their order", () => expect(found("  ")).toHaveLength(5))

test("what begins with the letters comes before what has a word that does", () => {
  expect(found("rec")).toEqual(["Record", "Newest recordings"])
  expect(found("contrast hi")).toEqual(["Theme: High contrast"])
  expect(found("ecor")).toEqual(["Record", "Newest recordings"])
  expect(found("zebra")).toEqual([])
})

test("accents need not be typed, and other words count", () => {
  expect(found("uber")).toEqual(["Über uns"])
  expect(meant([{ id: "x", group: "go", text: "Einstellungen", words: "Settings", run() {} }], "sett")).toHaveLength(1)
})

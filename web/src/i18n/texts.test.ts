// Both languages say everything, and neither says it in the other's words.
import { expect, test } from "vitest"

import { de } from "./de"
import { en } from "./en"
import { tongue, type Language } from "./index.svelte"

type Texts = Record<string, unknown>

const screens = import.meta.glob<Texts>("../screens/*/texts.ts", { eager: true })

/** Names that are the same in both, whatever their length. */
const NAMES = /^(https:\/\/|EARWITNESS_|[A-Z]{2,}|Ctrl|\W|[\d\s:.·%+-]*$)/
const LONG = 12

/** What stands at each place, functions as what they say of two words. */
function flat(texts: unknown, at = ""): Map<string, string> {
  if (typeof texts === "string") return new Map([[at, texts]])
  if (typeof texts === "function") return new Map([[at, String((texts as (...given: string[]) => unknown)("7", "8", "9"))]])
  if (typeof texts !== "object" || texts === null) return new Map()
  return new Map(Object.entries(texts).flatMap(([name, one]) => [...flat(one, at ? `${at}.${name}` : name)]))
}

function said(module: Texts, language: Language): Texts {
  tongue.choose(language)
  const w = module.w as () => Texts
  return w()
}

const places: [string, () => [Texts, Texts]][] = [
  ["the frame", () => [en, de]],
  ...Object.entries(screens).map(([path, module]): [string, () => [Texts, Texts]] => [path.split("/")[2] ?? path, () => [said(module, "en"), said(module, "de")]]),
]

test.each(places)("%s speaks both languages", (_, both) => {
  const [english, german] = both().map((texts) => flat(texts)) as [Map<string, string>, Map<string, string>]
  expect([...german.keys()].sort()).toEqual([...english.keys()].sort())
  const same = [...english].filter(([at, text]) => text.length > LONG && text.includes(" ") && !NAMES.test(text) && german.get(at) === text)
  expect(same).toEqual([])
  const wrong = [...german].filter(([, text]) => text.includes("undefined") || text.includes("[object"))
  expect(wrong).toEqual([])
})

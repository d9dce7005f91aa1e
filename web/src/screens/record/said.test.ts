import { expect, test } from "vitest"

import { plain, Said } from "./said.svelte"
import type { Told } from "./told"

function final(id: number, start_s: number, text: string, speaker: string | null = null, type: "final" | "revised" = "final"): Told {
  const segment = { start_s, end_s: start_s + 1, text, language: "en", speaker }
  return type === "final" ? { type, seq: id, id, utterance: id, segment } : { type, seq: id, id, revision: 1, what: "speaker", segment }
}

test("finals stay, drafts go, and who spoke comes later", () => {
  const said = new Said()
  said.told({ type: "partial", seq: 1, utterance: 1, stable: "Do you", draft: "hear", start_s: 0, end_s: 0.8 }, 0)
  expect([said.stable, said.draft, said.drafted_s]).toEqual(["Do you", "hear", 0.8])
  said.told(final(1, 0, "Do you hear me?"), 0)
  said.told({ type: "settled", seq: 3, utterance: 1, start_s: 0, end_s: 1, suppressed: [{ start_s: 3, end_s: 4, reason: "foreign" }] }, 0)
  said.told(final(2, 5, "Yes."), 0)
  said.told(final(1, 0, "Do you hear me?", "S1", "revised"), 0)
  said.told({ type: "named", seq: 6, speaker: { id: "S1", name: "<b>Anna</b>" } }, 0)
  expect([said.stable, said.draft, said.final_s]).toEqual(["", "", 6])
  expect(said.lines.map((line) => [line.kind, line.at_s])).toEqual([["said", 0], ["held", 3], ["said", 5]])
  expect(said.lines[0]).toMatchObject({ segment: { speaker: "S1" } })
  expect(said.names.get("S1")).toBe("<b>Anna</b>")
})

test("marks stand where they were set, and are written to", () => {
  const said = new Said()
  said.told(final(1, 0, "One."), 0)
  const key = said.mark(0.5)
  const other = said.mark(9)
  said.told(final(2, 4, "Two."), 0) // it began before the second mark
  said.write(key, "look here")
  said.told(final(2, 4, "Two.", "S2", "revised"), 0)
  said.write(other, null)
  expect(said.lines.map((line) => line.kind)).toEqual(["said", "mark", "said"])
  const text = plain(said.lines, (id) => `Speaker ${id.slice(1)}`, (s) => `0:0${s.toFixed(0)}`)
  expect(text).toBe("[0:00] One.\n[0:01] ★ look here\n[0:04] Speaker 2: Two.\n")
})

test("another session's text comes behind what was said before it", () => {
  const said = new Said()
  said.told(final(1, 10, "First."), 0)
  said.told(final(1, 1, "Second."), 60)
  said.told(final(1, 1, "Second.", "S1", "revised"), 60)
  said.told({ type: "gap", seq: 9, start_s: 2, end_s: 3, reason: "overload" }, 60)
  expect(said.lines.map(({ at_s }) => at_s)).toEqual([10, 61, 62])
})

import { expect, test } from "vitest"

import type { PersonCard } from "../../api/schema"
import { longest, namesakes, nthOf, originOf } from "./logic"
import { wav } from "./wav"

test("somebody is heard where they say the most at a stretch", () => {
  const outline = { start_s: [0, 5, 30], end_s: [4, 29, 31], speaker: ["S1", "S2", "S1"] }
  expect(longest(outline, "S1")).toEqual({ from_s: 0, seconds: 4 })
  expect(longest(outline, "S2")).toEqual({ from_s: 5, seconds: 10 })
  expect(longest(outline, "S3")).toBeNull()
})

test("names are compared as the server does", () => {
  const people = [{ id: "p_1", name: "Anna  Müller" }, { id: "p_2", name: "Bert" }] as PersonCard[]
  expect(namesakes(" anna MÜLLER ", people).map(({ id }) => id)).toEqual(["p_1"])
  expect(namesakes("Mu\u0308ller", people)).toEqual([])
})

test("where a voice comes from", () => {
  expect(originOf("r_0123456789abcdef, S2")).toEqual({ recording: "r_0123456789abcdef", speaker: "S2" })
  expect(originOf("upload, S2")).toBeNull()
  expect(originOf("<b>.wav")).toBeNull()
  expect(["S1", "S12", "A"].map(nthOf)).toEqual([0, 11, 0])
})

test("a WAV says what is in it", async () => {
  const file = wav([new Int16Array([1, -1]), new Int16Array([256])], 16_000)
  const bytes = await new Promise<DataView>((resolve) => {
    const reader = new FileReader() // jsdom's files have no arrayBuffer()
    reader.onload = () => resolve(new DataView(reader.result as ArrayBuffer))
    reader.readAsArrayBuffer(file)
  })
  expect([file.size, bytes.getUint32(40, true), bytes.getUint32(24, true), bytes.getInt16(44, true), bytes.getInt16(48, true)]).toEqual([50, 6, 16_000, 1, 256])
})

import { expect, test } from "vitest"

import { fields, remembered } from "./wishes.svelte"

test("what was remembered is taken as far as it makes sense", () => {
  const first = remembered(null)
  expect(first).toMatchObject({ model: "", speakers: "auto", words: true, keep_audio: true })
  expect(remembered('{"model":"base","words":"yes","shoes":1}')).toEqual({ ...first, model: "base" })
  expect([remembered("7"), remembered("{"), remembered('"x"'), remembered("[1]")]).toEqual([first, first, first, first])
})

test("a job is told what was chosen, and nothing that was not", () => {
  const first = remembered(null)
  expect(fields(first)).toEqual({ speakers: "auto", words: true, translate: false, keep_audio: true })
  expect(fields({ ...first, speakers: "3", language: "de", model: "base" })).toMatchObject({
    speakers: "auto", num_speakers: 3, language: "de", model: "base",
  })
  expect(fields({ ...first, speakers: "channels" }).speakers).toBe("channels")
})

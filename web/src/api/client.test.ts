import { expect, test } from "vitest"

import { failureOf } from "./client"

test("a failure says what the server says, in the shape of any door", async () => {
  const plain = new Response(JSON.stringify({ error: "The upload is over 1 MB. Send less.", code: "too_large" }), { status: 413 })
  const openai = new Response(JSON.stringify({ error: { message: "No such model.", code: "model_not_found" } }), { status: 404 })
  const proxy = new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" })
  const told = await Promise.all([plain, openai, proxy].map(failureOf))
  expect(told.map(({ message, code, status }) => [message, code, status])).toEqual([
    ["The upload is over 1 MB. Send less.", "too_large", 413],
    ["No such model.", "model_not_found", 404],
    ["Bad Gateway", "", 502],
  ])
  expect(told.map((failure) => failure.away)).toEqual([false, false, true])
})

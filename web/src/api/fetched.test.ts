import { afterEach, beforeEach, expect, test, vi } from "vitest"

import { Fetched } from "./fetched"

let wire: ReadableStreamDefaultController<Uint8Array>
let asked: [string, RequestInit][]

beforeEach(() => {
  asked = []
  vi.stubGlobal("EventSource", { CONNECTING: 0, OPEN: 1, CLOSED: 2 })
  vi.stubGlobal("fetch", (address: string, how: RequestInit) => {
    asked.push([address, how])
    return Promise.resolve(new Response(new ReadableStream({ start: (controller) => void (wire = controller) })))
  })
})
afterEach(() => vi.unstubAllGlobals())

const tell = (text: string): void => wire.enqueue(new TextEncoder().encode(text))

test("events come in pieces, with their ids, and comments are none", async () => {
  const came: [string, string, string][] = []
  const stream = new Fetched("/api/events", "ew_1")
  stream.addEventListener("segments", (event) => {
    const { type, data, lastEventId } = event as MessageEvent<string>
    came.push([type, data, lastEventId])
  })
  await vi.waitFor(() => expect(stream.readyState).toBe(1))
  tell('event: segments\ndata: {"kind": "ma')
  tell('de"}\nid: 7\n\n: here\nid: 8\n\nevent: segments\ndata: {}\n\n')
  await vi.waitFor(() => expect(came).toEqual([["segments", '{"kind": "made"}', "7"], ["segments", "{}", ""]]))
  expect(asked[0]?.[1]).toMatchObject({ credentials: "omit", headers: { authorization: "Bearer ew_1" } })
})

test("a stream that ends says so, and one that was closed does not", async () => {
  const [first, told] = [new Fetched("/api/events", "ew_1"), vi.fn()]
  first.onerror = told
  await vi.waitFor(() => expect(first.readyState).toBe(1))
  wire.close()
  await vi.waitFor(() => expect(told).toHaveBeenCalledOnce())
  expect(first.readyState).toBe(2)
  const second = new Fetched("/api/events", "ew_1")
  second.onerror = told
  await vi.waitFor(() => expect(second.readyState).toBe(1))
  second.close()
  wire.close()
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(told).toHaveBeenCalledOnce()
})

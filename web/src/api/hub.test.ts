import { beforeEach, expect, test, vi } from "vitest"

import { Hub, type Told } from "./hub"

class Source extends EventTarget {
  static readonly CLOSED = 2
  static all: Source[] = []
  onerror: (() => void) | null = null
  readyState = 1
  constructor(readonly url: string) {
    super()
    Source.all.push(this)
  }
  tell(topic: string, id: string, data: unknown): void {
    this.dispatchEvent(new MessageEvent(topic, { lastEventId: id, data: JSON.stringify(data) }))
  }
  close(): void {
    this.readyState = Source.CLOSED
  }
}

beforeEach(() => {
  Source.all = []
  vi.stubGlobal("EventSource", Source)
  vi.useFakeTimers()
})

test("all who listen share one stream, which closes after the last", () => {
  const hub = new Hub("/api/events")
  const one: Told[] = []
  const leave = [hub.listen((told) => one.push(told)), hub.listen(() => {})]
  Source.all[0]?.tell("jobs", "7", { kind: "made" })
  expect(one).toEqual([
    { kind: "link", state: "away" },
    { kind: "link", state: "connected" },
    { kind: "event", topic: "jobs", id: "7", data: { kind: "made" } },
  ])
  for (const go of leave) go()
  expect(Source.all.map((s) => s.readyState)).toEqual([2])
})

test("a stream that the server ended begins anew after the last event that was seen", () => {
  const hub = new Hub("/api/events")
  hub.listen(() => {})
  const first = Source.all[0]
  first?.tell("jobs", "41", {})
  first?.close()
  first?.onerror?.()
  expect(Source.all).toHaveLength(1)
  vi.advanceTimersByTime(2000)
  expect(Source.all.map((s) => s.url)).toEqual(["/api/events", "/api/events?after=41"])
})

import { afterEach, beforeEach, expect, test, vi } from "vitest"

import { Talk, type How, type Socket, type Standing } from "./talk"
import type { Told } from "./told"

const RATE = 16_000
const HELLO = { speakers: true, keep: true, keep_audio: true, title: "A talk" }

class Wire implements Socket {
  static all: Wire[] = []
  static get last(): Wire {
    return Wire.all.at(-1)!
  }
  onopen: ((event: Event) => void) | null = null
  onmessage: ((event: MessageEvent<string>) => void) | null = null
  onclose: ((event: CloseEvent) => void) | null = null
  said: { type: string; [field: string]: unknown }[] = []
  sound: number[] = []
  closed = false
  constructor() {
    Wire.all.push(this)
  }
  send(data: string | ArrayBufferView<ArrayBuffer>): void {
    if (typeof data === "string") this.said.push(JSON.parse(data) as { type: string })
    else this.sound.push(...(data as Int16Array))
  }
  close(): void {
    this.closed = true
  }
  open(): this {
    this.onopen?.(new Event("open"))
    return this
  }
  tell(told: Told): this {
    this.onmessage?.(new MessageEvent("message", { data: JSON.stringify(told) }))
    return this
  }
  welcome(session = "s1", position = 0, more: Partial<Told & { type: "welcome" }> = {}): this {
    return this.tell({ type: "welcome", session, recording: `r_${session}`, position, over: false, seq: 0, ...more })
  }
  cut(): void {
    this.onclose?.(new CloseEvent("close"))
  }
}

let stood: Standing[]
let told: [string, number][]
let places: (string | null)[]
let talk: Talk

function begin(more: Partial<How> = {}): Talk {
  return (talk = new Talk({
    hello: HELLO,
    rate: RATE,
    open: () => new Wire(),
    tell: (what, base_s) => told.push([what.type, base_s]),
    stand: (standing) => stood.push(standing),
    placed: ({ recording }) => places.push(recording),
    ...more,
  }))
}

/** Samples that say their own position. */
function sound(from: number, to: number): Int16Array<ArrayBuffer> {
  return Int16Array.from({ length: to - from }, (_, i) => (from + i) % 30_000)
}

const range = (from: number, to: number): number[] => [...sound(from, to)]

beforeEach(() => {
  vi.useFakeTimers()
  ;[Wire.all, stood, told, places] = [[], [], [], []]
})
afterEach(() => talk.drop())

test("sound goes to the server, and events come back", () => {
  begin()
  const wire = Wire.last.open()
  expect(wire.said[0]).toEqual({ type: "hello", encoding: "s16le", rate: RATE, ...HELLO })
  talk.hear(sound(0, 640)) // before the welcome
  wire.welcome()
  talk.hear(sound(640, 1280))
  expect(wire.sound).toEqual(range(0, 1280))
  wire.tell({ type: "ended", seq: 1, duration_s: 0.08 })
  expect(told.map(([type]) => type)).toEqual(["welcome", "ended"])
})

test("what was not safe is sent again from where the server is, and what was told is not asked for again", () => {
  begin()
  const first = Wire.last.open().welcome()
  talk.hear(sound(0, 1000))
  talk.hear(sound(1000, 2000))
  first.tell({ type: "gap", seq: 7, start_s: 0, end_s: 0, reason: "lost" }).tell({ type: "ack", position: 500 / RATE })
  expect(talk.safe).toBe(500)
  first.cut()
  talk.hear(sound(2000, 3000))
  expect(stood).toEqual(["on", "broken"])
  vi.advanceTimersByTime(300)
  const second = Wire.last.open()
  expect(second.said[0]).toMatchObject({ session: "s1", after: 7 })
  second.welcome("s1", 1500 / RATE)
  expect(second.sound).toEqual(range(1500, 3000))
  expect(stood.at(-1)).toBe("on")
})

test("an end that was said while nobody listened is said later", () => {
  begin()
  Wire.last.open().welcome().cut()
  talk.hear(sound(0, 100))
  talk.end()
  talk.hear(sound(100, 200))
  vi.advanceTimersByTime(1000)
  const wire = Wire.last.open().welcome()
  expect(wire.sound).toEqual(range(0, 100))
  expect(wire.said.at(-1)).toEqual({ type: "end" })
  wire.tell({ type: "ended", seq: 9, duration_s: 100 / RATE })
  expect(stood.slice(-2)).toEqual(["finishing", "over"])
  wire.cut()
  vi.advanceTimersByTime(60_000)
  expect(Wire.all).toHaveLength(2)
})

test("a server that is full or stops is asked again when it says so", () => {
  const refused = vi.fn()
  begin({ refused })
  Wire.last.open().tell({ type: "failed", code: "busy", message: "full", remedy: "Wait.", fatal: true, retry_after_s: 15 }).cut()
  vi.advanceTimersByTime(14_000)
  expect(Wire.all).toHaveLength(1)
  vi.advanceTimersByTime(1_000)
  expect(Wire.all).toHaveLength(2)
  Wire.last.cut() // and then it is away
  expect(refused).toHaveBeenCalledOnce()
  for (let n = 0; n < 40; n++) {
    vi.advanceTimersByTime(5_000)
    Wire.last.cut()
  }
  expect(Wire.all.length).toBeGreaterThan(35)
})

test("a session that the server ended is gone on with by another one, whose times follow", () => {
  begin()
  const first = Wire.last.open().welcome()
  talk.hear(sound(0, 3200))
  first.cut()
  talk.hear(sound(3200, 6400))
  vi.advanceTimersByTime(300)
  Wire.last.open().welcome("s1", 0.2, { over: true }).tell({ type: "ended", seq: 3, duration_s: 0.2 })
  vi.advanceTimersByTime(300)
  const other = Wire.last.open()
  expect(other.said[0]).not.toHaveProperty("session")
  other.welcome("s2")
  expect(other.sound).toEqual(range(3200, 6400))
  other.tell({ type: "gap", seq: 1, start_s: 0, end_s: 0, reason: "lost" }).tell({ type: "ack", position: 0.1 })
  expect(talk.safe).toBe(4800)
  expect(told.at(-1)).toEqual(["gap", 0.2])
  expect(places).toEqual(["r_s1", "r_s1", "r_s2"])
})

test("a session that nobody knows any more is begun anew, and a wrong hello is not", () => {
  begin({ session: "gone" })
  Wire.last.open().tell({ type: "failed", code: "not_found", message: "there is no such session", remedy: "", fatal: true })
  vi.advanceTimersByTime(300)
  Wire.last.open().tell({ type: "failed", code: "bad_input", message: "the hello's model is wrong", remedy: "Choose another.", fatal: true })
  vi.advanceTimersByTime(60_000)
  expect(Wire.all).toHaveLength(2)
  expect(stood.at(-1)).toBe("failed")
})

test("another page that took the recording over has it", () => {
  begin()
  Wire.last.open().welcome().tell({ type: "failed", code: "cancelled", message: "taken over", remedy: "", fatal: true }).cut()
  vi.advanceTimersByTime(60_000)
  expect(Wire.all).toHaveLength(1)
  expect(stood.at(-1)).toBe("failed")
})

test("a page that is loaded again goes on where the server is", () => {
  begin({ session: "s1" })
  talk.hear(sound(0, 10)) // which the server puts behind what it has
  const wire = Wire.last.open()
  expect(wire.said[0]).toMatchObject({ session: "s1", after: 0 })
  wire.welcome("s1", 2)
  talk.hear(sound(0, 640))
  expect(wire.sound).toEqual([...range(0, 10), ...range(0, 640)])
  expect(talk.heard).toBe(2 * RATE + 650)
})

test("a connection that is dead without saying so is given up", () => {
  begin()
  const first = Wire.last.open().welcome()
  vi.advanceTimersByTime(5_000)
  expect(first.said.at(-1)).toEqual({ type: "ping" })
  first.tell({ type: "pong" })
  vi.advanceTimersByTime(26_000)
  expect(first.closed).toBe(true)
  expect(Wire.all).toHaveLength(2)
  first.welcome("old") // what it says now is nobody's
  expect(places).toEqual(["r_s1"])
})

test("sound that nobody takes for an hour is given up, and its place kept", () => {
  begin()
  const first = Wire.last.open().welcome()
  first.cut()
  const minute = new Int16Array(60 * RATE)
  for (let n = 0; n < 62; n++) talk.hear(minute)
  expect(talk.lost_s).toBe(120)
  Wire.all.length = 0
  vi.advanceTimersByTime(1000)
  const wire = Wire.last.open()
  let sent = 0
  wire.send = (data) => (sent += typeof data === "string" ? 0 : (data as Int16Array).length)
  wire.welcome("s1", 30)
  expect(sent).toBe(62 * 60 * RATE - 30 * RATE)
})

import { beforeEach, expect, test, vi } from "vitest"

import { Failure } from "../../api/client"
import { upload, type Line } from "./tus"

const PIECE = 400
const AWAY = new Failure("The server does not answer.", "away", 0)

/** A server that takes uploads, and fails as it is told to. */
class Server implements Line {
  readonly held = new Map<string, Uint8Array>()
  readonly fails: (Failure | "cut")[] = []
  begun = 0

  async begin(): Promise<string> {
    this.failing()
    const id = `u_${++this.begun}`
    this.held.set(id, new Uint8Array())
    return id
  }

  async reached(id: string): Promise<number> {
    const found = this.held.get(id)
    if (!found) throw new Failure("there is no such upload", "not_found", 404)
    return found.length
  }

  async send(id: string, offset: number, piece: ArrayBuffer, _: AbortSignal, onsent: (bytes: number) => void): Promise<number> {
    const before = this.held.get(id)
    if (!before) throw new Failure("there is no such upload", "not_found", 404)
    if (offset !== before.length) throw new Failure("it is elsewhere", "conflict", 409)
    const cut = this.fails[0] === "cut"
    const taken = new Uint8Array(piece).slice(0, cut ? 100 : undefined)
    this.held.set(id, new Uint8Array([...before, ...taken]))
    if (cut) this.fails.shift()
    if (cut) throw AWAY
    this.failing()
    onsent(taken.length)
    return offset + taken.length
  }

  private failing(): void {
    const next = this.fails[0]
    if (!(next instanceof Failure)) return
    this.fails.shift()
    throw next
  }
}

let server: Server
const bytes = Uint8Array.from({ length: PIECE + 70 }, (_, i) => i % 251)
const file = new File([bytes], "talk.mp4")

beforeEach(() => {
  server = new Server()
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
})

/** The end of something, with no time lost on its waiting. */
async function soon<T>(done: Promise<T>): Promise<T> {
  let over = false
  done.then(() => (over = true), () => (over = true))
  while (!over) {
    await vi.advanceTimersByTimeAsync(1000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return done
}

function sent(id: string | null = null, signal = new AbortController().signal): { done: Promise<string>; told: unknown[] } {
  const told: unknown[] = []
  const done = upload(file, {
    id,
    signal,
    line: server,
    piece: PIECE,
    onbegun: (id) => told.push(id),
    onsent: (bytes) => told.push(bytes),
    onheld: (why) => why && told.push(why.code),
  })
  return { done, told }
}

test("a file comes in pieces, and it is told how far it is", async () => {
  const { done, told } = sent()
  expect(await soon(done)).toBe("u_1")
  expect(server.held.get("u_1")).toEqual(bytes)
  expect(told).toEqual(["u_1", 0, PIECE, PIECE, file.size, file.size])
})

test("an upload that is cut goes on where the server is", async () => {
  server.fails.push(new Failure("busy", "busy", 503, 1), "cut", new Failure("log in", "unauthorized", 401))
  const { done, told } = sent()
  await soon(done)
  expect(server.held.get("u_1")).toEqual(bytes)
  expect(told).toContain(100)
  expect(told.filter((what) => typeof what === "string")).toEqual(["busy", "u_1", "away", "unauthorized"])
})

test("an upload of an earlier visit is gone on with, and one that is gone begun anew", async () => {
  server.held.set("u_old", bytes.slice(0, 50))
  const first = sent("u_old")
  expect(await soon(first.done)).toBe("u_old")
  expect(first.told[0]).toBe(50)
  expect(server.held.get("u_old")).toEqual(bytes)
  const second = sent("u_gone")
  expect(await soon(second.done)).toBe("u_1")
})

test("what the server refuses is not tried again", async () => {
  server.fails.push(new Failure("The upload is over 1 MB.", "too_large", 413))
  await expect(soon(sent().done)).rejects.toThrow("over 1 MB")
  expect(server.begun).toBe(0)
})

test("a file that can't be read any more is told, and not tried for ever", async () => {
  const gone = new File([bytes], "gone.mp4")
  gone.slice = () => Object.assign(new Blob(), { arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) })
  const signal = new AbortController().signal
  const none = (): void => undefined
  const done = upload(gone, { signal, line: server, onbegun: none, onsent: none, onheld: none })
  await expect(soon(done)).rejects.toMatchObject({ code: "unreadable" })
})

test("an upload that is cancelled while it waits ends", async () => {
  server.fails.push(...Array<Failure>(50).fill(AWAY))
  const control = new AbortController()
  const { done } = sent(null, control.signal)
  setTimeout(() => control.abort(), 20_000)
  await expect(soon(done)).rejects.toMatchObject({ name: "AbortError" })
})

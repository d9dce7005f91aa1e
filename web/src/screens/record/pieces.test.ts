import { expect, test, vi } from "vitest"

interface Worklet {
  process(inputs: Float32Array[][]): boolean
}

test("channels are mixed, what is too loud is cut, and pieces have 40 ms", async () => {
  const posted: Int16Array[] = []
  let made: (new () => Worklet) | undefined
  vi.stubGlobal("sampleRate", 16_000)
  vi.stubGlobal("AudioWorkletProcessor", class {
    port = { postMessage: (piece: Int16Array) => posted.push(piece) }
  })
  vi.stubGlobal("registerProcessor", (_: string, worklet: new () => Worklet) => (made = worklet))
  // @ts-expect-error it is plain JavaScript, of which nothing is imported
  await import("./pieces.js")
  const worklet = new made!()
  const [left, right] = [new Float32Array(128).fill(1), new Float32Array(128).fill(0)]
  for (let n = 0; n < 5; n++) expect(worklet.process([[left, right]])).toBe(true)
  expect(worklet.process([[]])).toBe(true)
  for (let n = 0; n < 5; n++) worklet.process([[new Float32Array(128).fill(-3)]])
  expect(posted.map((piece) => [piece.length, piece[0]])).toEqual([[640, 16_384], [640, -32_767]])
})

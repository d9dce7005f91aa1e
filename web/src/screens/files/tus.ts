// Uploads that can be resumed, as tus 1.0.0 has them. What breaks on the way is tried again, from where the server is.
import { at, call, Failure, failureOf } from "../../api/client"

const VERSION = { "tus-resumable": "1.0.0" }
const BYTES = "application/offset+octet-stream"

/** Bytes of one request: large enough to be fast, small enough to be held in memory. */
const PIECE = 4 * 2 ** 20

const LONGEST_WAIT_MS = 10_000

/** The server's side, for tests to stand in for it. */
export interface Line {
  /** Make an upload; its id. */
  begin(name: string, size: number, signal: AbortSignal): Promise<string>
  /** How many bytes have come. Throws a `Failure` with 404 for one that is not there any more. */
  reached(id: string, signal: AbortSignal): Promise<number>
  /** Send a piece that begins at an offset; where the upload is then. */
  send(id: string, offset: number, piece: ArrayBuffer, signal: AbortSignal, onsent: (bytes: number) => void): Promise<number>
}

export interface Telling {
  /** The upload of an earlier visit to go on with. */
  id?: string | null | undefined
  signal: AbortSignal
  onbegun: (id: string) => void
  onsent: (bytes: number) => void
  /** Why it is waited before the next try; null once it goes on. */
  onheld: (why: Failure | null) => void
  line?: Line
  piece?: number
}

/** Bring a file to the server; the upload's id. Throws a `Failure` that trying again can't mend, or `AbortError`. */
export async function upload(file: File, how: Telling): Promise<string> {
  const { signal, onbegun, onsent, onheld, line = http, piece: size = PIECE } = how
  let id = how.id ?? null
  let offset: number | null = null
  for (let fails = 0; ; ) {
    try {
      if (id === null) {
        onbegun((id = await line.begin(file.name, file.size, signal)))
        offset = 0
      }
      const from: number = (offset ??= await line.reached(id, signal))
      onheld(null)
      onsent(from)
      if (from >= file.size) return id
      const piece = await read(file.slice(from, from + size))
      offset = await line.send(id, from, piece, signal, (bytes) => onsent(from + bytes))
      fails = 0
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof Failure)) throw error
      if (error.status === 404 && id !== null) id = null // it was too old: begin anew
      else if (!passing(error)) throw error
      offset = null
      onheld(error)
      await pause(Math.max(error.retryAfterS * 1000, Math.min(LONGEST_WAIT_MS, 250 * 2 ** fails++)), signal)
    }
  }
}

/** Whether a failure may be over in a moment: the server is away or busy, or the login has ended and is asked for. */
function passing({ away, status, code }: Failure): boolean {
  return code !== "unreadable" && (away || [401, 408, 409, 423, 425, 429, 500, 503].includes(status))
}

async function read(piece: Blob): Promise<ArrayBuffer> {
  try {
    return await piece.arrayBuffer()
  } catch (error) {
    throw new Failure(String(error), "unreadable", 0) // it was changed or taken away on the disk
  }
}

/** Wait, but no longer than until the network is back. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (): void => {
      clearTimeout(timer)
      removeEventListener("online", over)
      signal.removeEventListener("abort", over)
      if (signal.aborted) reject(signal.reason as Error)
      else resolve()
    }
    const timer = setTimeout(over, ms)
    addEventListener("online", over)
    signal.addEventListener("abort", over)
  })
}

export const http: Line = {
  async begin(name, size, signal) {
    const bytes = new TextEncoder().encode(name.slice(0, 500))
    const named = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    const headers = { ...VERSION, "upload-length": String(size), "upload-metadata": `filename ${named}` }
    const answer = await call("/api/uploads", { method: "POST", headers, signal })
    return (answer.headers.get("location") ?? "").split("/").at(-1) ?? ""
  },

  async reached(id, signal) {
    const answer = await call(`/api/uploads/${id}`, { method: "HEAD", headers: VERSION, signal })
    return Number(answer.headers.get("upload-offset"))
  },

  // `fetch` does not tell how much was sent
  send(id, offset, piece, signal, onsent) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest()
      const abort = (): void => request.abort()
      request.open("PATCH", at(`/api/uploads/${id}`))
      for (const [name, value] of Object.entries({ ...VERSION, "upload-offset": String(offset), "content-type": BYTES })) {
        request.setRequestHeader(name, value)
      }
      request.upload.onprogress = ({ loaded }) => onsent(loaded)
      request.onloadend = () => {
        signal.removeEventListener("abort", abort)
        const reached = request.getResponseHeader("upload-offset")
        if (request.status === 204 && reached !== null) resolve(Number(reached))
        else if (request.status === 0) reject(new Failure("The server does not answer.", "away", 0))
        else void refusal(request).then(reject)
      }
      signal.addEventListener("abort", abort)
      request.send(piece)
    })
  },
}

function refusal(request: XMLHttpRequest): Promise<Failure> {
  const retry = request.getResponseHeader("retry-after")
  return failureOf(new Response(request.responseText, { status: request.status, ...(retry && { headers: { "retry-after": retry } }) }))
}

/** Let the server forget an upload. Nobody minds where it can't: it forgets by itself after two days. */
export async function giveUp(id: string): Promise<void> {
  await call(`/api/uploads/${id}`, { method: "DELETE", headers: VERSION }).catch(() => undefined)
}

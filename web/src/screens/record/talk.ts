// The talk of one recording with the server's socket. What was sent and is not yet safe there is kept, so that a connection
// that breaks, or a server that is killed, costs no word. Knows neither the browser's sound nor the screen.
import type { Hello, Told } from "./told"

/** How it stands: `broken` is between connections, `failed` for good. */
export type Standing = "connecting" | "on" | "broken" | "finishing" | "over" | "failed"

/** As much of a WebSocket as is needed, for tests to stand in for it. */
export interface Socket {
  onopen: ((event: Event) => void) | null
  onmessage: ((event: MessageEvent<string>) => void) | null
  onclose: ((event: CloseEvent) => void) | null
  send(data: string | ArrayBufferView<ArrayBuffer>): void
  close(): void
}

/** What a page that is loaded again needs to go on. */
export interface Place {
  session: string
  recording: string | null
}

export interface How {
  hello: Hello
  /** Samples a second. */
  rate: number
  open: () => Socket
  /** Everything that is told of the session; `base_s` is where the session begins in the recording. */
  tell: (told: Told, base_s: number) => void
  stand: (standing: Standing, why: string) => void
  /** A session of the recording is known, or another one goes on with it. */
  placed: (place: Place) => void
  /** The server does not let the page in, or is away: asked who is there, it says which. */
  refused?: () => void
  /** Go on with the session of a page that is gone. */
  session?: string
}

type Piece = { start: number; samples: Int16Array<ArrayBuffer> }

const SLOWEST_MS = 5_000
const PING_MS = 5_000
const SILENT_MS = 20_000
const LONGEST_S = 3_600
const ENDED_ELSEWHERE = "cancelled"

export class Talk {
  /** Samples that were heard in all. */
  heard = 0
  /** Of these, how many are safe on the server. */
  safe = 0
  /** Seconds that were given up, because the server was away for too long. */
  lost_s = 0
  private session: string | null
  private base = 0
  private after = 0
  private kept: Piece[] = []
  private socket: Socket | null = null
  private ready = false
  private joining = true
  private ending = false
  private over = false
  private tries = 0
  private lastTold = 0
  private again: ReturnType<typeof setTimeout> | undefined
  private readonly beat: ReturnType<typeof setInterval>

  constructor(private readonly how: How) {
    this.session = how.session ?? null
    this.beat = setInterval(() => this.beating(), PING_MS)
    this.connect()
  }

  /** Some sound. */
  hear(samples: Int16Array<ArrayBuffer>): void {
    if (this.ending || this.over) return
    const piece = { start: this.heard, samples }
    this.heard += samples.length
    this.kept.push(piece)
    this.spare()
    if (this.ready) this.socket?.send(samples)
  }

  /** Nobody speaks for a while: what was said is told now. */
  rest(): void {
    if (this.ready) this.say({ type: "flush", id: String(this.heard) })
  }

  /** No more sound comes; what is left is told. */
  end(): void {
    this.ending = true
    if (!this.ready) return
    this.say({ type: "end" })
    this.stand("finishing")
  }

  /** Let go of it, whatever is still to come. */
  drop(): void {
    this.over = true
    clearInterval(this.beat)
    clearTimeout(this.again)
    this.let()
  }

  /** Try again at once. */
  now(): void {
    if (this.over || this.ready) return
    clearTimeout(this.again)
    this.let()
    this.connect()
  }

  private connect(): void {
    const socket = (this.socket = this.how.open())
    let opened = false
    socket.onopen = () => {
      opened = true
      this.lastTold = Date.now()
      const going = this.session ? { session: this.session, after: this.after } : {}
      this.say({ type: "hello", encoding: "s16le", rate: this.how.rate, ...this.how.hello, ...going })
    }
    socket.onmessage = ({ data }) => this.socket === socket && this.told(JSON.parse(data) as Told)
    socket.onclose = () => {
      if (this.socket !== socket) return
      if (!opened) this.how.refused?.()
      this.broke()
    }
  }

  private told(told: Told): void {
    this.lastTold = Date.now()
    if ("seq" in told && told.type !== "welcome") this.after = Math.max(this.after, told.seq ?? 0)
    if (told.type === "welcome") this.welcome(told)
    else if (told.type === "ack") this.acknowledged(this.base + Math.round(told.position * this.how.rate))
    else if (told.type === "failed" && told.fatal) this.failed(told)
    else if (told.type === "ended") this.ended(told)
    if (told.type !== "ack" && told.type !== "pong") this.how.tell(told, this.base / this.how.rate)
  }

  private welcome({ session, recording, position, over }: Told & { type: "welcome" }): void {
    const joined = this.joining && session === this.how.session
    this.joining = false
    this.session = session
    this.tries = 0
    this.how.placed({ session, recording })
    if (over) return // it tells what was missed, and its end
    let from = this.base + Math.round(position * this.how.rate)
    if (joined) {
      // the page that began it is gone: what this one hears comes behind what that one sent
      for (const piece of this.kept) piece.start += from
      this.heard += from
      this.safe = from
    }
    this.ready = true
    for (const piece of this.kept) {
      if (piece.start > from) this.silence(piece.start - from)
      const some = piece.samples.subarray(Math.max(0, from - piece.start))
      if (some.length) this.socket?.send(some)
      from = Math.max(from, piece.start + piece.samples.length)
    }
    if (this.ending) this.say({ type: "end" })
    this.stand(this.ending ? "finishing" : "on")
  }

  /** In place of what had to be given up: positions are counted. */
  private silence(samples: number): void {
    for (let left = samples; left > 0; left -= this.how.rate) this.socket?.send(new Int16Array(Math.min(left, this.how.rate)))
  }

  private acknowledged(safe: number): void {
    this.safe = Math.max(this.safe, safe)
    const first = this.kept.findIndex(({ start, samples }) => start + samples.length > safe)
    this.kept.splice(0, first < 0 ? this.kept.length : first)
  }

  private ended(told: Told & { type: "ended" }): void {
    if (this.ending) return this.done("over")
    this.acknowledged(this.base + Math.round(told.duration_s * this.how.rate))
    this.anew() // the server ended it, as it was away or quiet for too long, and somebody speaks on
  }

  private failed({ code, message, remedy, retry_after_s }: Told & { type: "failed" }): void {
    const why = `${message.slice(0, 1).toUpperCase()}${message.slice(1)}. ${remedy}`
    if (code === "busy") this.broke(why, (retry_after_s ?? 1) * 1000)
    else if (code === "not_found" && this.session) this.anew()
    else this.done("failed", code === ENDED_ELSEWHERE && !this.session ? "" : why)
  }

  /** A new session goes on with the sound that no other has. */
  private anew(): void {
    this.session = null
    this.after = 0
    this.base = this.kept[0]?.start ?? this.heard
    if (this.ending && !this.kept.length) return this.done("over")
    this.broke()
  }

  private broke(why = "", wait_ms = 0): void {
    this.let()
    if (this.over) return
    this.stand("broken", why)
    clearTimeout(this.again)
    this.again = setTimeout(() => this.connect(), Math.max(wait_ms, Math.min(SLOWEST_MS, 250 * this.tries++)))
  }

  private done(standing: "over" | "failed", why = ""): void {
    this.drop()
    this.stand(standing, why)
  }

  /** Let go of this connection. */
  private let(): void {
    const socket = this.socket
    this.socket = null
    this.ready = false
    socket?.close()
  }

  /** A connection that is dead does not always say so. */
  private beating(): void {
    if (!this.ready) return
    if (Date.now() - this.lastTold > SILENT_MS) this.broke()
    else this.say({ type: "ping" })
  }

  /** What nobody takes for an hour is given up, the oldest first. */
  private spare(): void {
    const first = this.kept[0]
    if (!first || this.heard - first.start <= LONGEST_S * this.how.rate) return
    this.kept.shift()
    this.lost_s += first.samples.length / this.how.rate
  }

  private say(message: object): void {
    this.socket?.send(JSON.stringify(message))
  }

  private stand(standing: Standing, why = ""): void {
    this.how.stand(standing, why)
  }
}

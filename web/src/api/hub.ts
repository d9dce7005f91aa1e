// The one stream of events that all tabs of a browser share. It runs in a SharedWorker; where there is none, in the page.
// A browser has six connections to a server over HTTP/1.1: a stream for each tab would use them up.

export type Told =
  | { kind: "event"; topic: string; id: string; data: unknown }
  | { kind: "link"; state: "connected" | "away" }

/** As much of an EventSource as is needed. */
export interface Stream extends EventTarget {
  onerror: ((event: Event) => void) | null
  readonly readyState: number
  close(): void
}

const TOPICS = ["recordings", "segments", "jobs", "models", "sources", "alerts", "people", "accounts", "drafts", "hello", "resync", "logout", "reconnect"]
const AGAIN_MS = 2000

/** Keeps a stream open while somebody listens, and begins it anew where it breaks, from the last event that was seen. */
export class Hub {
  private source: Stream | null = null
  private last = ""
  private state: "connected" | "away" = "away"
  private timer: ReturnType<typeof setTimeout> | undefined
  private readonly listeners = new Set<(told: Told) => void>()

  constructor(
    private readonly address: string,
    private readonly stream: (address: string) => Stream = (address) => new EventSource(address),
  ) {}

  listen(tell: (told: Told) => void): () => void {
    this.listeners.add(tell)
    tell({ kind: "link", state: this.state })
    if (!this.source && !this.timer) this.open()
    return () => {
      this.listeners.delete(tell)
      if (!this.listeners.size) this.close()
    }
  }

  /** Begin anew: somebody has logged in. */
  again(): void {
    this.close()
    if (this.listeners.size) this.open()
  }

  private open(): void {
    this.timer = undefined
    const after = this.last ? `?after=${encodeURIComponent(this.last)}` : ""
    const source = (this.source = this.stream(this.address + after))
    for (const topic of TOPICS) {
      source.addEventListener(topic, (event) => this.came(topic, event as MessageEvent<string>))
    }
    source.onerror = () => {
      this.tell({ kind: "link", state: (this.state = "away") })
      if (source.readyState !== EventSource.CLOSED) return // the browser tries again by itself
      this.close()
      if (this.listeners.size) this.timer = setTimeout(() => this.open(), AGAIN_MS)
    }
  }

  private came(topic: string, event: MessageEvent<string>): void {
    if (event.lastEventId) this.last = event.lastEventId
    if (this.state !== "connected") this.tell({ kind: "link", state: (this.state = "connected") })
    this.tell({ kind: "event", topic, id: event.lastEventId, data: JSON.parse(event.data || "null") })
  }

  private tell(told: Told): void {
    for (const tell of this.listeners) tell(told)
  }

  private close(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.source?.close()
    this.source = null
  }
}

// A stream of events that is fetched with a key: a browser's own EventSource can't send one.

/** As much of an EventSource as the hub needs. */
export class Fetched extends EventTarget {
  onerror: ((event: Event) => void) | null = null
  readyState: number = EventSource.CONNECTING
  private readonly control = new AbortController()

  constructor(address: string, key: string) {
    super()
    void this.read(address, key)
  }

  close(): void {
    this.readyState = EventSource.CLOSED
    this.control.abort()
  }

  private async read(address: string, key: string): Promise<void> {
    try {
      const headers = { accept: "text/event-stream", authorization: `Bearer ${key}` }
      const answer = await fetch(address, { headers, credentials: "omit", cache: "no-store", signal: this.control.signal })
      if (answer.ok && answer.body) await this.heard(answer.body)
    } catch {
      // the connection broke, or somebody has closed it
    }
    if (this.readyState === EventSource.CLOSED) return
    this.readyState = EventSource.CLOSED
    this.onerror?.(new Event("error"))
  }

  private async heard(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    this.readyState = EventSource.OPEN
    const reader = body.pipeThrough(new TextDecoderStream()).getReader()
    for (let rest = ""; ; ) {
      const { done, value } = await reader.read()
      if (done) return
      const blocks = (rest + value).split("\n\n")
      rest = blocks.pop() ?? ""
      for (const block of blocks) this.came(block)
    }
  }

  private came(block: string): void {
    const fields = new Map<string, string>()
    for (const line of block.split("\n")) {
      const [, name = "", value = ""] = /^(\w+): ?(.*)$/.exec(line) ?? []
      fields.set(name, fields.has(name) ? `${fields.get(name)}\n${value}` : value)
    }
    const [topic, data] = [fields.get("event"), fields.get("data")]
    if (topic && data !== undefined) this.dispatchEvent(new MessageEvent(topic, { data, lastEventId: fields.get("id") ?? "" }))
  }
}

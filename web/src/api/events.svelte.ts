// What happens on the server, for whoever in the page wants to know.
import { shared } from "../state/shared"
import { at } from "./client"
import { Fetched } from "./fetched"
import { Hub, type Told } from "./hub"

/** What an event tells: ids and plain facts, never what was said. */
export interface Happened {
  kind: string
  at_s: number
  recording?: string | null
  source?: string | null
  about: Record<string, unknown>
}

type Listener = (happened: Happened) => void

class Events {
  /** Whether the server is heard. */
  link = $state<"connected" | "away">("away")
  private readonly listeners = new Map<string, Set<Listener>>()
  private again_: (() => void) | null = null

  start(): void {
    if (this.again_) return this.again_()
    const address = at("/api/events")
    const key = shared
    if (key || typeof SharedWorker === "undefined") {
      const hub = key ? new Hub(address, (at) => new Fetched(at, key)) : new Hub(address)
      hub.listen((told) => this.came(told))
      this.again_ = () => hub.again()
      return
    }
    const worker = new SharedWorker(new URL("./worker.ts", import.meta.url), {
      type: "module",
      name: `earwitness ${address}`,
    })
    worker.port.onmessage = ({ data }: MessageEvent<Told>) => this.came(data)
    worker.port.postMessage({ address })
    this.again_ = () => worker.port.postMessage("again")
    addEventListener("pagehide", () => worker.port.postMessage("gone"))
  }

  /** Be told of a topic; `resync` says that events were missed. */
  on(topic: string, listener: Listener): () => void {
    const some = this.listeners.get(topic) ?? new Set()
    this.listeners.set(topic, some.add(listener))
    return () => some.delete(listener)
  }

  /** Whatever is shown may be old: let it be fetched again. */
  missed(): void {
    for (const tell of this.listeners.get("resync") ?? []) tell({ kind: "resync", at_s: Date.now() / 1000, about: {} })
  }

  private came(told: Told): void {
    if (told.kind === "link") this.link = told.state
    else for (const tell of this.listeners.get(told.topic) ?? []) tell(told.data as Happened)
  }
}

export const events = new Events()

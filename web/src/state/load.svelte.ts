// Something that a screen shows and the server has: fetched, and fetched again when an event says that it has changed.
import { untrack } from "svelte"

import { Failure } from "../api/client"
import { events } from "../api/events.svelte"

const CALM_MS = 250

export class Load<T> {
  value = $state.raw<T | null>(null)
  failure = $state.raw<Failure | null>(null)
  busy = $state(true)
  private turn = 0
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly fetch: () => Promise<T>) {
    void this.again()
  }

  /** Fetch it. An answer that comes after a later question is thrown away; what is shown stays until there is a new one. */
  async again(): Promise<void> {
    const mine = ++this.turn
    this.busy = true
    try {
      const value = await this.fetch()
      if (mine !== this.turn) return
      this.value = value
      this.failure = null
    } catch (error) {
      if (mine !== this.turn) return
      this.failure = error instanceof Failure ? error : new Failure(String(error), "", 0)
    }
    this.busy = false
  }

  /** Fetch it again when something of these topics happens, and when a server that was away is back. Call it while a
   * component is made. */
  on(...topics: string[]): this {
    const soon = (): void => {
      clearTimeout(this.timer)
      this.timer = setTimeout(() => void this.again(), CALM_MS)
    }
    $effect(() => {
      const leave = [...topics, "resync"].map((topic) => events.on(topic, soon))
      return () => {
        clearTimeout(this.timer)
        for (const go of leave) go()
      }
    })
    $effect(() => {
      if (events.link === "connected" && untrack(() => this.failure?.away)) void this.again()
    })
    return this
  }
}

// The last lines of the server's log: fetched, and followed.
import { api, data, Failure } from "../../api/client"
import type { LogLine } from "../../api/schema"

export const LEVELS = ["debug", "info", "warning", "error"] as const
export type Level = (typeof LEVELS)[number]

const EACH_MS = 2000
const KEPT = 2000

export class Lines {
  /** The newest first. */
  list = $state.raw<readonly LogLine[]>([])
  level = $state<Level>("info")
  follow = $state(true)
  failure = $state.raw<Failure | null>(null)
  restarted = $state(false)
  least = $state("")
  private newest = 0
  private started = 0
  private turn = 0

  /** Call it while a component is made. */
  constructor(level: Level = "info") {
    this.level = level
    $effect(() => {
      void this.again(this.level)
    })
    $effect(() => {
      if (!this.follow) return
      const timer = setInterval(() => document.hidden || void this.more(), EACH_MS)
      return () => clearInterval(timer)
    })
  }

  /** All that there is of a level. */
  private async again(level: Level): Promise<void> {
    this.newest = 0
    await this.fetch(level, true)
  }

  private more(): Promise<void> {
    return this.fetch(this.level, false)
  }

  private async fetch(level: Level, anew: boolean): Promise<void> {
    const mine = ++this.turn
    try {
      const told = await data(api.GET("/api/system/logs", { params: { query: { level, after: this.newest, limit: anew ? KEPT : 500 } } }))
      if (mine !== this.turn) return
      this.failure = null
      this.least = told.log_level
      const other = this.started !== 0 && told.started_s !== this.started
      this.started = told.started_s
      if (other && !anew) {
        this.restarted = true
        this.newest = 0
        return await this.fetch(level, true)
      }
      this.newest = told.newest
      const fresh = told.lines.toReversed()
      if (anew) this.list = fresh
      else if (fresh.length) this.list = [...fresh, ...this.list].slice(0, KEPT)
    } catch (error) {
      if (mine === this.turn) this.failure = error instanceof Failure ? error : new Failure(String(error), "", 0)
    }
  }
}

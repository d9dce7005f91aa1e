// What a search finds, page after page. What is shown stays until there is an answer to a later question.
import { api, data, Failure } from "../../api/client"
import type { HitCard } from "../../api/schema"
import { mode, query, type Ask } from "./ask"

const PAGE = 40

export class Found {
  hits = $state.raw<readonly HitCard[]>([])
  next = $state.raw<string | null>(null)
  count = $state<number | null>(null)
  more = $state(false)
  /** Words of the query, and what these hits hold for them. */
  instead = $state.raw<Readonly<Record<string, readonly string[]>>>({})
  failure = $state.raw<Failure | null>(null)
  busy = $state(false)
  /** The question that `hits` answer, as the server read it; null before the first. */
  answered = $state.raw<string | null>(null)
  private ask: Ask | null = null
  private turn = 0

  async search(ask: Ask): Promise<void> {
    const mine = ++this.turn
    this.ask = ask
    this.busy = true
    try {
      const page = await this.page(ask, null)
      if (mine !== this.turn) return
      this.hits = page.hits
      this.next = page.next
      this.count = page.count
      this.more = page.more
      this.instead = page.instead
      this.failure = null
      this.answered = query(ask)
    } catch (error) {
      if (mine !== this.turn) return
      this.failure = failure(error)
    }
    this.busy = false
  }

  async further(): Promise<void> {
    if (this.busy || this.next === null || !this.ask) return
    const mine = this.turn
    this.busy = true
    try {
      const page = await this.page(this.ask, this.next)
      if (mine !== this.turn) return
      const there = new Set(this.hits.map(({ id }) => id))
      this.hits = [...this.hits, ...page.hits.filter(({ id }) => !there.has(id))]
      this.next = page.next
      this.failure = null
    } catch (error) {
      if (mine === this.turn) this.failure = failure(error)
    }
    if (mine === this.turn) this.busy = false
  }

  /** Nothing is asked any more. */
  rest(): void {
    this.turn++
    this.hits = []
    this.next = this.count = this.failure = this.answered = this.ask = null
    this.busy = false
  }

  /** What was shown when the screen was left, so that going back leads to the same place. */
  kept(): Kept {
    const { hits, next, count, more, instead, answered, ask } = this
    return { hits, next, count, more, instead, answered, ask }
  }

  restore(kept: Kept): void {
    this.turn++
    Object.assign(this, kept)
    this.busy = false
  }

  private page(ask: Ask, page: string | null) {
    const by = mode(ask)
    const order = by === "words" ? (ask.best ? ("relevance" as const) : ("newest" as const)) : null
    return data(api.GET("/api/transcripts", { params: { query: { q: query(ask), mode: by, size: PAGE, ...(order && { sort: order }), ...(page && { page }) } } }))
  }
}

export interface Kept {
  hits: readonly HitCard[]
  next: string | null
  count: number | null
  more: boolean
  instead: Readonly<Record<string, readonly string[]>>
  answered: string | null
  ask: Ask | null
}

export function failure(error: unknown): Failure {
  return error instanceof Failure ? error : new Failure(String(error), "", 0)
}

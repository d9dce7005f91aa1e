// The jobs of the queue as this page shows them: some pages of the list, kept as they are now by events.
import { api, data, Failure } from "../../api/client"
import { events, type Happened } from "../../api/events.svelte"
import type { JobTold } from "../../api/schema"

const PAGE = 50
const CALM_MS = 400

export type State = JobTold["state"]

/** Which jobs are shown: those of these states, all of none. */
export const FILTERS = { all: [], open: ["running", "waiting"], done: ["done"], failed: ["failed", "cancelled"] } as const satisfies Record<string, State[]>
export type Filter = keyof typeof FILTERS

export class Jobs {
  list = $state.raw<readonly JobTold[]>([])
  states = $state.raw<Partial<Record<State, number>>>({})
  next = $state.raw<string | null>(null)
  failure = $state.raw<Failure | null>(null)
  /** Whether it was not yet told what there is. */
  fresh = $state(true)
  filter = $state<Filter>("all")
  readonly shown = $derived(this.list.filter((job) => this.fits(job)))
  private turn = 0
  private timer: ReturnType<typeof setTimeout> | undefined

  /** `over` is told of a job that was seen at work here, and has ended. */
  constructor(filter: Filter = "all", private readonly size = PAGE, private readonly over: (job: JobTold) => void = () => undefined) {
    this.filter = filter
    void this.again()
    $effect(() => {
      const leave = [events.on("jobs", (happened) => this.came(happened)), events.on("resync", () => void this.again())]
      return () => {
        clearTimeout(this.timer)
        for (const go of leave) go()
      }
    })
  }

  show(filter: Filter): void {
    this.filter = filter
    this.fresh = true
    this.list = []
    void this.again()
  }

  /** Fetch the newest page; those after it stay as they are. */
  async again(): Promise<void> {
    const mine = ++this.turn
    await this.fetch(mine, null)
  }

  more(): Promise<void> {
    return this.fetch(this.turn, this.next)
  }

  /** A job that was just made or changed here. */
  put(job: JobTold): void {
    if (this.list.some(({ id }) => id === job.id)) this.list = this.list.map((one) => (one.id === job.id ? job : one))
    else if (this.fits(job)) this.list = [job, ...this.list]
    this.soon()
  }

  async cancel({ id }: JobTold): Promise<void> {
    this.put(await data(api.DELETE("/api/jobs/{job}", { params: { path: { job: id } } })))
  }

  async retry({ id }: JobTold): Promise<void> {
    this.put(await data(api.POST("/api/jobs/{job}/retry", { params: { path: { job: id } } })))
  }

  private fits({ state }: JobTold): boolean {
    const states: readonly State[] = FILTERS[this.filter]
    return !states.length || states.includes(state)
  }

  private async fetch(mine: number, after: string | null): Promise<void> {
    try {
      const query = { limit: this.size, state: [...FILTERS[this.filter]], ...(after && { after }) }
      const page = await data(api.GET("/api/jobs", { params: { query } }))
      if (mine !== this.turn) return
      const newest = new Set(page.jobs.map(({ id }) => id))
      const last = page.jobs.at(-1)
      if (after) this.list = [...this.list.filter(({ id }) => !newest.has(id)), ...page.jobs]
      else this.list = [...page.jobs, ...this.list.filter((one) => last && page.next && one.made_s < last.made_s && !newest.has(one.id))]
      if (after || this.fresh || !page.next) this.next = page.next
      this.states = page.states
      this.failure = null
      this.fresh = false
    } catch (error) {
      if (mine === this.turn) this.failure = error instanceof Failure ? error : new Failure(String(error), "", 0)
    }
  }

  /** What is known from the event alone is shown at once. */
  private came({ kind, about }: Happened): void {
    const known = this.list.find(({ id }) => id === about.id)
    if (known && kind === "progress") this.patch(known, { done_s: about.done_s as number, total_s: about.total_s as number | null })
    else if (known && (kind === "running" || kind === "waiting")) this.patch(known, { state: kind })
    else if (known && "made_s" in about) {
      this.patch(known, about as JobTold)
      if (known.state === "running" || known.state === "waiting") this.over(about as JobTold)
    }
    this.soon()
  }

  private patch(job: JobTold, change: Partial<JobTold>): void {
    this.list = this.list.map((one) => (one === job ? { ...one, ...change } : one))
  }

  private soon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      void this.again()
    }, CALM_MS)
  }
}

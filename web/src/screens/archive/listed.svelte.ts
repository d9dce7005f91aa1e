// The recordings of the archive, some pages of the list, the first kept as it is now by events.
import { api, data, Failure } from "../../api/client"
import { events } from "../../api/events.svelte"
import type { RecordingCard } from "../../api/schema"
import { failure } from "./found.svelte"

const PAGE = 50
const CALM_MS = 400

export const SORTS = ["all", "live", "file", "kept", "part"] as const
/** Which recordings: all, of live sessions, of files, kept for good, not whole. */
export type Sort = (typeof SORTS)[number]

export interface Which {
  sort: Sort
  title: string
  after_s: number | null
  before_s: number | null
}

export class Listed {
  list = $state.raw<readonly RecordingCard[]>([])
  next = $state.raw<string | null>(null)
  failure = $state.raw<Failure | null>(null)
  busy = $state(true)
  /** Whether it was not told yet what there is. */
  fresh = $state(true)
  private which: Which = { sort: "all", title: "", after_s: null, before_s: null }
  private turn = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private open = false

  /** Made while a component is. */
  constructor() {
    $effect(() => {
      const leave = ["recordings", "resync"].map((topic) => events.on(topic, () => this.soon()))
      return () => {
        clearTimeout(this.timer)
        for (const go of leave) go()
      }
    })
  }

  async show(which: Which): Promise<void> {
    this.which = which
    this.open = true
    await this.again(true)
  }

  /** The list is not shown. */
  rest(): void {
    this.open = false
    this.turn++
  }

  async again(anew = false): Promise<void> {
    const mine = ++this.turn
    this.busy = true
    try {
      const page = await this.page(null)
      if (mine !== this.turn) return
      const newest = new Set(page.recordings.map(({ id }) => id))
      const last = page.recordings.at(-1)
      // what was fetched of later pages stays, unless the first is the last now
      const rest = anew || !page.next || !last ? [] : this.list.filter((one) => !newest.has(one.id) && one.began_s < last.began_s)
      this.list = [...page.recordings, ...rest]
      if (anew || !rest.length) this.next = page.next
      this.failure = null
      this.fresh = false
    } catch (error) {
      if (mine === this.turn) this.failure = failure(error)
    }
    if (mine === this.turn) this.busy = false
  }

  async further(): Promise<void> {
    if (this.busy || this.next === null) return
    const mine = this.turn
    this.busy = true
    try {
      const page = await this.page(this.next)
      if (mine !== this.turn) return
      const there = new Set(this.list.map(({ id }) => id))
      this.list = [...this.list, ...page.recordings.filter(({ id }) => !there.has(id))]
      this.next = page.next
    } catch (error) {
      if (mine === this.turn) this.failure = failure(error)
    }
    if (mine === this.turn) this.busy = false
  }

  /** Keep recordings for good, or no longer: shown at once, and taken back where the server does not do it. */
  async keep(ids: readonly string[], kept: boolean): Promise<void> {
    const before = new Map(this.list.map((one) => [one.id, one.kept]))
    this.set(ids, () => kept)
    const failed: unknown[] = []
    for (const id of ids) {
      try {
        await api.PATCH("/api/recordings/{ident}", { params: { path: { ident: id } }, body: { kept } })
      } catch (error) {
        this.set([id], () => before.get(id) ?? false)
        failed.push(error)
      }
    }
    if (failed.length) throw failed[0]
  }

  /** Delete recordings; those that could not be are still there. */
  async remove(ids: readonly string[]): Promise<void> {
    const failed: unknown[] = []
    for (const id of ids) {
      try {
        await api.DELETE("/api/recordings/{ident}", { params: { path: { ident: id } } })
        this.list = this.list.filter((one) => one.id !== id)
      } catch (error) {
        if (error instanceof Failure && error.status === 404) this.list = this.list.filter((one) => one.id !== id)
        else failed.push(error)
      }
    }
    if (failed.length) throw failed[0]
  }

  private set(ids: readonly string[], kept: () => boolean): void {
    this.list = this.list.map((one) => (ids.includes(one.id) ? { ...one, kept: kept() } : one))
  }

  private page(at: string | null) {
    const { sort, title, after_s, before_s } = this.which
    const query = {
      limit: PAGE,
      ...(at && { at }),
      ...((sort === "live" || sort === "file") && { kind: sort }),
      ...(sort === "part" && { state: "part" as const }),
      ...(sort === "kept" && { kept: true }),
      ...(title.trim() && { title: title.trim() }),
      ...(after_s !== null && { after_s }),
      ...(before_s !== null && { before_s }),
    }
    return data(api.GET("/api/recordings", { params: { query } }))
  }

  private soon(): void {
    if (!this.open) return
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      if (this.open) void this.again()
    }, CALM_MS)
  }
}

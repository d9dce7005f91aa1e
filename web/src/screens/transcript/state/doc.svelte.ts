// A recording that is being looked at: where all its segments lie, and those that were fetched so far, as they are now.
import { SvelteMap } from "svelte/reactivity"

import { api, data, Failure } from "../../../api/client"
import { events, type Happened } from "../../../api/events.svelte"
import type { SegmentCard, WholeRecordingCard } from "../../../api/schema"
import { NONE, reassigned, talk, withoutRow, withSegment, type Rows } from "../logic/rows"

const PAGE = 100
/** Segments before and after those that are seen, which are fetched too. */
const AROUND = 30
/** So many answers are waited for at once: who scrolls on does not want what is passed by. */
const AT_ONCE = 2
/** So long before a place that is gone to segments are fetched with it. */
const BEFORE_S = 60
const CALM_MS = 120
const AGAIN_MS = 1000
/** When so many have changed at once, all is asked for anew. */
const MANY = 25

export class Doc {
  card = $state.raw<WholeRecordingCard | null>(null)
  rows = $state.raw<Rows>(NONE)
  failure = $state.raw<Failure | null>(null)
  /** The recording was taken away. */
  gone = $state(false)
  /** Segments that a person has changed. */
  edited = $state.raw<ReadonlySet<number>>(new Set())
  /** The outline is there. */
  ready = $state(false)
  readonly segments = new SvelteMap<number, SegmentCard>()
  /** Likewise, but the same thing for as long as texts alone change. */
  readonly ids = $derived(this.rows.id)
  readonly index = $derived(new Map(this.ids.map((id, i) => [id, i])))
  /** Seconds that each speaker talks. */
  readonly talk = $derived(talk(this.rows))
  /** Speakers who say something, in their order, and the number by which each is shown. */
  readonly speakers = $derived((this.card?.speakers ?? []).map((s, nth) => ({ ...s, nth, talk_s: this.talk.get(s.id) ?? 0 })).filter((s) => this.talk.has(s.id)))
  /** A segment came from the server that was there before. */
  onnew: (segment: SegmentCard) => void = () => {}
  /** Somebody has noted something. */
  onnoted: () => void = () => {}
  private asked = new Set<number>()
  private stale = new Set<number>()
  private seen: [number, number] = [0, 0]
  private changed = new Set<number>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private turn = 0
  private waits = 0

  /** What is at a second is fetched at once, before it is known what lies where. */
  constructor(
    readonly id: string,
    at_s = 0,
  ) {
    if (id) void this.reload(this.first(at_s))
  }

  private async first(at_s: number): Promise<void> {
    const query = { limit: PAGE, ...(at_s > BEFORE_S ? { at: `${at_s - BEFORE_S}:0` } : {}) }
    const page = await data(api.GET("/api/recordings/{ident}/segments", { params: { path: { ident: this.id }, query } })).catch(() => null)
    for (const segment of page?.segments ?? []) this.segments.set(segment.id, segment)
  }

  /** Hear of changes for as long as the component is there. Call it while that is made. */
  listen(): void {
    $effect(() => {
      const leave = [
        events.on("segments", (told) => told.recording === this.id && this.happened(told)),
        events.on("recordings", (told) => told.recording === this.id && this.told(told)),
        events.on("people", () => void this.describe().catch(() => {})),
        events.on("resync", () => void this.reload()),
      ]
      return () => {
        clearTimeout(this.timer)
        for (const go of leave) go()
      }
    })
    $effect(() => {
      if (events.link !== "connected" || !this.failure?.passing) return
      const again = setTimeout(() => void this.reload(), AGAIN_MS)
      return () => clearTimeout(again)
    })
  }

  /** The name by which a speaker is shown. */
  name(label: string | null, unnamed: (n: string) => string): string {
    if (label === null) return ""
    return this.card?.speakers.find((s) => s.id === label)?.name || unnamed(label.replace(/^S/, ""))
  }

  /** The number by which a speaker is shown. */
  nth(label: string | null): number {
    return Math.max(0, this.card?.speakers.findIndex((s) => s.id === label) ?? 0)
  }

  async describe(): Promise<void> {
    try {
      this.card = await data(api.GET("/api/recordings/{ident}", { params: { path: { ident: this.id } } }))
    } catch (error) {
      if (error instanceof Failure && error.status === 404) this.gone = this.card !== null
      throw error
    }
  }

  /** Ask for everything anew; what is shown stays until then. */
  async reload(first?: Promise<void>): Promise<void> {
    const mine = ++this.turn
    try {
      const outline = data(api.GET("/api/recordings/{ident}/outline", { params: { path: { ident: this.id } } }))
      const [table] = await Promise.all([outline, this.describe(), first])
      if (mine !== this.turn) return
      const { edited, ...rows } = table
      this.rows = rows
      this.edited = new Set(edited)
      this.failure = null
      this.ready = true
      this.asked.clear()
      this.stale = new Set(first ? [] : this.segments.keys())
      for (const id of this.segments.keys()) if (!this.index.has(id)) this.segments.delete(id)
      this.need(...this.seen)
    } catch (error) {
      if (mine === this.turn) this.failure = error instanceof Failure ? error : new Failure(String(error), "", 0)
    }
  }

  /** See that these rows are there, and some around them. */
  need(first: number, last: number): void {
    this.seen = [first, last]
    const { id } = this.rows
    if (this.waits >= AT_ONCE) return // what is wanted then is looked at when one of them came
    const missing = (i: number): boolean => !this.asked.has(id[i] ?? 0) && (!this.segments.has(id[i] ?? 0) || this.stale.has(id[i] ?? 0))
    const end = Math.min(id.length - 1, last + AROUND)
    for (let i = Math.max(0, first - AROUND); i <= end && this.waits < AT_ONCE; i++) {
      if (!missing(i)) continue
      let to = i
      while (to < end && to - i < PAGE - 1 && missing(to + 1)) to++
      void this.fetch(i, to)
      i = to
    }
  }

  private async fetch(first: number, last: number): Promise<void> {
    const ids = this.rows.id.slice(first, last + 1)
    for (const id of ids) this.asked.add(id)
    this.waits++
    const at = first ? `${this.rows.start_s[first - 1]}:${this.rows.id[first - 1]}` : undefined
    try {
      const query = { limit: ids.length, ...(at === undefined ? {} : { at }) }
      const page = await data(api.GET("/api/recordings/{ident}/segments", { params: { path: { ident: this.id }, query } }))
      for (const segment of page.segments) this.put(segment)
    } catch (error) {
      this.failure = error instanceof Failure ? error : new Failure(String(error), "", 0)
    }
    for (const id of ids) this.asked.delete(id)
    this.waits--
    if (!this.failure) this.need(...this.seen)
  }

  /** A segment as the server has it now. An older revision than the one that is there changes nothing. */
  put(segment: SegmentCard): void {
    const there = this.segments.get(segment.id)
    this.stale.delete(segment.id)
    if (there && there.revision > segment.revision) return
    if (there?.revision === segment.revision && there.text === segment.text) return
    this.segments.set(segment.id, segment)
    this.rows = withSegment(this.rows, segment, this.index.get(segment.id))
    this.mark(segment.id, segment.by_person)
    if (there) this.onnew(segment)
  }

  private mark(id: number, edited: boolean): void {
    if (this.edited.has(id) === edited) return
    const now = new Set(this.edited)
    if (edited) now.add(id)
    else now.delete(id)
    this.edited = now
  }

  drop(id: number): void {
    this.mark(id, false)
    const index = this.index.get(id)
    if (index !== undefined) this.rows = withoutRow(this.rows, index)
    this.segments.delete(id)
    this.changed.delete(id)
  }

  /** Some segments have another speaker; their revisions are asked for again. */
  gave(ids: readonly number[], speaker: string): void {
    const all = new Set(ids)
    this.rows = reassigned(this.rows, all, speaker)
    for (const id of ids) {
      const there = this.segments.get(id)
      if (!there) continue
      this.segments.set(id, { ...there, speaker })
      this.stale.add(id)
    }
    this.need(...this.seen)
    void this.describe().catch(() => {})
  }

  /** Some segments, those that are not here yet fetched. */
  async whole(ids: readonly number[]): Promise<SegmentCard[]> {
    const missing = ids.filter((id) => !this.segments.has(id))
    for (let n = 0; n < missing.length; n += PAGE) {
      const only = missing.slice(n, n + PAGE)
      const query = { only, limit: only.length }
      const page = await data(api.GET("/api/recordings/{ident}/segments", { params: { path: { ident: this.id }, query } }))
      for (const segment of page.segments) this.put(segment)
    }
    return ids.flatMap((id) => this.segments.get(id) ?? [])
  }

  /** A segment as it is on the server, which may have changed meanwhile. */
  async fresh(id: number): Promise<SegmentCard> {
    const segment = await data(api.GET("/api/segments/{number}", { params: { path: { number: id } } }))
    this.put(segment)
    return segment
  }

  private told({ kind, about }: Happened): void {
    if (kind === "removed") this.gone = true
    else if (kind === "noted") this.onnoted()
    else if (kind === "again" || (kind === "changed" && Array.isArray(about.what) && about.what.includes("speakers"))) void this.reload()
    else void this.describe().catch(() => {})
  }

  private happened({ kind, about }: Happened): void {
    const id = Number(about.id)
    if (kind === "removed") return this.drop(id)
    if (kind === "changed" && !this.index.has(id) && !this.changed.has(id)) return // it is gone already
    if ((this.segments.get(id)?.revision ?? -1) >= Number(about.revision ?? 0)) return
    this.changed.add(id)
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.catchUp(), CALM_MS)
  }

  private async catchUp(): Promise<void> {
    const ids = [...this.changed]
    this.changed.clear()
    if (ids.length > MANY) return this.reload()
    if (!ids.length) return
    const query = { only: ids, limit: ids.length }
    const page = await data(api.GET("/api/recordings/{ident}/segments", { params: { path: { ident: this.id }, query } })).catch(() => null)
    for (const segment of page?.segments ?? []) this.put(segment)
  }
}

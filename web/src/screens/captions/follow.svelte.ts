// Follows a recording while it is made: its newest text, and the draft of what is being said, by the server's events.
import { untrack } from "svelte"

import { api, data, Failure } from "../../api/client"
import { events } from "../../api/events.svelte"
import type { SegmentCard } from "../../api/schema"

/** The address of whatever is recorded just now. */
export const LIVE = "live"

/** Seconds of text that are shown at first, and segments that are kept. */
const BACK_S = 60
const MOST = 60

/** A draft that nothing follows is forgotten: what was said was held back. */
const STALE_MS = 6_000

export interface Draft {
  recording: string | null
  stable: string
  draft: string
  start_s: number
  end_s: number
}

/** Whether a draft tells of something that is not final text yet. */
export function fresh(draft: Draft, lines: readonly SegmentCard[]): boolean {
  const last = lines.at(-1)
  return !last || draft.end_s > last.end_s + 0.05
}

/** Segments with some more, each once, in the order of time; the newest of them. */
export function joined(lines: readonly SegmentCard[], more: readonly SegmentCard[]): SegmentCard[] {
  const all = new Map([...lines, ...more].map((line) => [line.id, line]))
  return [...all.values()].sort((a, b) => a.start_s - b.start_s || a.id - b.id).slice(-MOST)
}

export class Follow {
  lines = $state.raw<readonly SegmentCard[]>([])
  draft = $state.raw<Draft | null>(null)
  names = $state.raw<ReadonlyMap<string, string>>(new Map())
  title = $state("")
  recording = $state<string | null>(null)
  standing = $state<"loading" | "waiting" | "live" | "over">("loading")
  failure = $state.raw<Failure | null>(null)
  private turn = 0
  private asked = false
  private asking = false
  private timer: ReturnType<typeof setTimeout> | undefined

  /** `wanted` is a recording's id, or `LIVE`. Made while a component is. */
  constructor(private readonly wanted: string) {
    void this.begin()
    $effect(() => {
      if (events.link === "away" && untrack(() => this.recording)) void this.begin() // or it may not be seen any more
    })
    $effect(() => {
      const mine = (recording: unknown): boolean => recording !== null && recording === this.recording
      const leave = [
        events.on("drafts", (told) => mine(told.recording) && this.drafted(told as unknown as Draft)),
        events.on("segments", ({ kind, recording }) => mine(recording) && (kind === "made" ? void this.more() : void this.begin())),
        events.on("recordings", ({ kind, recording }) => {
          if (kind === "opened" && wanted === LIVE) void this.begin()
          else if (mine(recording)) void this.card()
        }),
        events.on("resync", () => void this.begin()),
      ]
      return () => {
        clearTimeout(this.timer)
        for (const go of leave) go()
      }
    })
  }

  /** From the beginning: which recording it is, and what was said last. */
  async begin(): Promise<void> {
    const mine = ++this.turn
    try {
      const recording = this.wanted === LIVE ? await this.newest() : this.wanted
      if (mine !== this.turn) return
      if (recording !== this.recording) {
        this.lines = []
        this.draft = null
      }
      this.recording = recording
      if (!recording) return void (this.standing = "waiting")
      const duration_s = await this.card()
      const found = await this.page(recording, `${Math.max(0, duration_s - BACK_S)}:0`)
      if (mine !== this.turn) return
      this.lines = found.slice(-MOST)
      this.failure = null
      void this.more() // what was said meanwhile
    } catch (error) {
      if (mine === this.turn) this.failed(error)
    }
  }

  private async newest(): Promise<string | null> {
    const found = await data(api.GET("/api/recordings", { params: { query: { state: "open", kind: "live", limit: 1 } } }))
    return found.recordings[0]?.id ?? this.recording // what has ended stays to be read
  }

  private async card(): Promise<number> {
    const { recording } = this
    if (!recording) return 0
    const card = await data(api.GET("/api/recordings/{ident}", { params: { path: { ident: recording } } }))
    this.title = card.title
    this.names = new Map(card.speakers.map(({ id, name }) => [id, name ?? ""]))
    this.standing = card.state === "open" ? "live" : "over"
    if (this.standing === "over") this.draft = null
    return card.duration_s
  }

  private async page(recording: string, at: string): Promise<SegmentCard[]> {
    const query = { at, limit: 200 }
    return (await data(api.GET("/api/recordings/{ident}/segments", { params: { path: { ident: recording }, query } }))).segments
  }

  /** What came behind the last text. One question at a time: what happens meanwhile is asked for after it. */
  private async more(): Promise<void> {
    this.asked = true
    if (this.asking) return
    this.asking = true
    try {
      while (this.asked) {
        this.asked = false
        const [mine, { recording }, last] = [this.turn, this, this.lines.at(-1)]
        if (!recording) break
        const found = await this.page(recording, last ? `${last.start_s}:${last.id}` : "0:0")
        if (mine !== this.turn || !found.length) continue
        this.lines = joined(this.lines, found)
        if (this.draft && !fresh(this.draft, this.lines)) this.draft = null
        this.failure = null
        if (found.some(({ speaker }) => speaker && !this.names.has(speaker))) void this.card()
      }
    } catch (error) {
      this.failed(error)
    }
    this.asking = false
  }

  private drafted(draft: Draft): void {
    if (!fresh(draft, this.lines)) return
    this.draft = draft
    clearTimeout(this.timer)
    this.timer = setTimeout(() => (this.draft = null), STALE_MS)
  }

  private failed(error: unknown): void {
    this.failure = error instanceof Failure ? error : new Failure(String(error), "", 0)
  }
}

// What a person does to a recording, and how it is taken back. Texts and speakers of segments go through the outbox; what
// changes where segments begin and end, and names, is done on the server at once.
import { api, data, Failure } from "../../../api/client"
import type { SegmentCard } from "../../../api/schema"
import { freeLabel } from "../logic/rows"
import { characters } from "../logic/words"
import { w } from "../texts"
import type { Doc } from "./doc.svelte"
import type { Outbox, Seen } from "./outbox.svelte"
import { Steps, type Step } from "./steps.svelte"

/** A segment before and after somebody worked on it. */
interface Work {
  before: SegmentCard
  after: SegmentCard
  /** Changes that were saved meanwhile. */
  count: number
}

/** Segments whose text is replaced: what each was, and is to be. */
export interface Swap {
  segment: Seen
  text: string
}

export class Edits {
  readonly steps = new Steps()
  private readonly works = new Map<number, Work & { step: Step }>()
  /** Segments whose changes are one step together. */
  private group: Map<number, Work | null> | null = null

  constructor(
    private readonly doc: Doc,
    private readonly outbox: Outbox,
  ) {
    outbox.onsaved = (before, after) => this.saved(before, after)
  }

  /** Somebody begins to work on a segment: what is saved from here on is one step. */
  begin(id: number): void {
    this.works.delete(id)
  }

  private saved(before: SegmentCard, after: SegmentCard): void {
    if (before.revision === after.revision) return
    if (this.group?.has(after.id)) {
      const work = this.group.get(after.id)
      this.group.set(after.id, { before: work?.before ?? before, after, count: (work?.count ?? 0) + 1 })
      return
    }
    const work = this.works.get(after.id)
    if (work && this.steps.done.includes(work.step)) {
      work.after = after
      work.count++
      return
    }
    const name = before.text === after.text ? w().step.speaker : w().step.text
    const fresh = { before, after, count: 1, step: { name, undo: () => this.back(fresh), redo: () => this.forth(fresh) } }
    this.works.set(after.id, fresh)
    this.steps.push(fresh.step)
  }

  /** Do something to several segments that is taken back as one. */
  private async together(name: string, ids: readonly number[], does: () => Promise<void>): Promise<void> {
    const group = (this.group = new Map<number, Work | null>(ids.map((id) => [id, null])))
    try {
      await does()
    } finally {
      this.group = null
      const works = [...group.values()].filter((work) => work !== null)
      const each = (turn: (work: Work) => Promise<void>) => async (): Promise<void> => {
        for (const work of works) await turn(work)
      }
      if (works.length) this.steps.push({ name, undo: each((work) => this.back(work)), redo: each((work) => this.forth(work)) })
    }
  }

  private async back(work: Work): Promise<void> {
    let now = await this.settled(work.before.id)
    if (now.revision === work.after.revision && work.count) {
      for (let n = 0; n < work.count; n++) now = await this.undone(now)
      work.count = 0
    } else now = await this.patched(now, work.after, work.before)
    this.works.delete(now.id)
    work.before = now
  }

  private async forth(work: Work): Promise<void> {
    work.after = await this.patched(await this.settled(work.before.id), work.before, work.after)
    work.count = 1
  }

  /** A segment once nothing of it waits to be sent. Raises Failure where that can't be. */
  private async settled(id: number): Promise<SegmentCard> {
    await this.outbox.flush(id)
    if (this.outbox.pending.has(id)) throw new Failure(w().notYet, "waiting", 0)
    return this.doc.segments.get(id) ?? this.doc.fresh(id)
  }

  private async undone(segment: SegmentCard): Promise<SegmentCard> {
    const params = { path: { number: segment.id } }
    const now = await data(api.POST("/api/segments/{number}/undo", { params, body: { revision: segment.revision } }))
    this.doc.put(now)
    return now
  }

  /** Change a segment from what it must be now. */
  private async patched(now: SegmentCard, was: SegmentCard, to: SegmentCard): Promise<SegmentCard> {
    if (now.text !== was.text || now.speaker !== was.speaker) throw new Failure(w().since, "conflict", 409)
    const body = { revision: now.revision, text: to.text, speaker: to.speaker }
    const found = await data(api.PATCH("/api/segments/{number}", { params: { path: { number: now.id } }, body }))
    this.doc.put(found)
    return found
  }

  /** Take back the last change of a segment, whoever made it on which page. */
  async undoLast(id: number): Promise<void> {
    await this.undone(await this.settled(id))
    this.works.delete(id)
  }

  // ── where segments begin and end ──
  /** Split before an offset in the text of an editor; the id of the second half, or null where there is nothing to split. */
  async split(id: number, offset: number): Promise<number | null> {
    const first = await this.settled(id)
    const cut = { text: first.text, at: characters(first.text, offset) }
    if (!first.text.slice(0, offset).trim() || !first.text.slice(offset).trim()) return null
    let second = 0
    const once = async (): Promise<void> => {
      const now = await this.settled(id)
      if (now.text !== cut.text) throw new Failure(w().since, "conflict", 409)
      const body = { revision: now.revision, at: cut.at }
      const halves = await data(api.POST("/api/segments/{number}/split", { params: { path: { number: id } }, body }))
      for (const half of halves.segments) this.doc.put(half)
      second = halves.segments[1]?.id ?? 0
    }
    await once()
    const undo = async (): Promise<void> => {
      const [now, half] = await Promise.all([this.settled(id), this.settled(second)])
      const params = { path: { number: id } }
      // A half that was changed and is as it was can't be taken back, but put together again.
      if (half.revision) this.doc.put(await data(api.POST("/api/segments/{number}/join", { params, body: { revision: now.revision } })))
      else await this.undone(now)
      this.doc.drop(second)
    }
    this.steps.push({ name: w().step.split, undo, redo: once })
    this.begin(id)
    return second
  }

  /** Put a segment to the one before it; that one, and the offset at which they meet. Null for the first one. */
  async join(id: number): Promise<{ id: number; offset: number } | null> {
    const before = this.doc.rows.id[(this.doc.index.get(id) ?? 0) - 1]
    if (before === undefined) return null
    const [first] = await Promise.all([this.settled(before), this.settled(id)])
    const once = async (): Promise<void> => {
      const [now] = await Promise.all([this.settled(before), this.settled(id)])
      const params = { path: { number: before } }
      const whole = await data(api.POST("/api/segments/{number}/join", { params, body: { revision: now.revision } }))
      this.doc.drop(id)
      this.doc.put(whole)
    }
    await once()
    const undo = async (): Promise<void> => {
      await this.undone(await this.settled(before))
      await this.doc.fresh(id)
    }
    this.steps.push({ name: w().step.join, undo, redo: once })
    this.begin(before)
    return { id: before, offset: first.text.length + 1 }
  }

  // ── who speaks ──
  /** Say who speaks some segments; a label, `new`, or null for nobody. */
  async speak(ids: readonly number[], who: string | null): Promise<void> {
    const label = who === "new" ? freeLabel((this.doc.card?.speakers ?? []).map((s) => s.id)) : who
    const from = new Set(ids.map((id) => this.doc.rows.speaker[this.doc.index.get(id) ?? -1]))
    const [one] = from
    if (ids.length > 1 && from.size === 1 && typeof one === "string" && label !== null) await this.merge(one, label, ids)
    else {
      await this.together(w().step.speaker, ids, async () => {
        for (const id of ids) await this.outbox.give(this.doc.segments.get(id) ?? (await this.doc.fresh(id)), label)
      })
    }
    await this.doc.describe()
  }

  /** What one speaker said was said by another, all of it or some. */
  async merge(speaker: string, into: string, ids: readonly number[] | null = null): Promise<void> {
    this.outbox.flushAll()
    const named = this.doc.card?.speakers.find((s) => s.id === into)
    let changed = await this.reassign(speaker, into, ids)
    const undo = async (): Promise<void> => {
      await this.reassign(into, speaker, changed)
      if (named && !named.name) await this.patch({ speakers: { [into]: { name: null } } })
    }
    const redo = async (): Promise<void> => void (changed = await this.reassign(speaker, into, ids))
    this.steps.push({ name: ids ? w().step.speaker : w().step.merge, undo, redo })
  }

  private async reassign(speaker: string, into: string, ids: readonly number[] | null): Promise<number[]> {
    const body = { speaker, into, ...(ids ? { segments: [...ids] } : {}) }
    const { segments } = await data(api.POST("/api/recordings/{ident}/speakers", { params: { path: { ident: this.doc.id } }, body }))
    this.doc.gave(segments, into)
    return segments
  }

  /** Say what a speaker is called, or which person it is. */
  async name(label: string, who: { name: string | null } | { person: string }): Promise<void> {
    const was = this.doc.card?.speakers.find((s) => s.id === label)
    const before = was?.person ? { person: was.person } : { name: was?.name ?? null }
    const set = (to: typeof who) => this.patch({ speakers: { [label]: to } })
    await set(who)
    this.steps.push({ name: w().step.name, undo: () => set(before), redo: () => set(who) })
  }

  /** Learn the voice of a speaker, as a new person or one who is known. */
  async remember(label: string, who: { name: string; another?: boolean } | { person: string }): Promise<void> {
    const whose = "person" in who ? { id: who.person } : who
    await data(api.POST("/api/speakers/heard", { body: { recording: this.doc.id, speaker: label, another: false, ...whose } }))
    await this.doc.describe()
  }

  // ── the whole ──
  async title(title: string): Promise<void> {
    const was = this.doc.card?.title ?? ""
    await this.patch({ title })
    this.steps.push({ name: w().step.title, undo: () => this.patch({ title: was }), redo: () => this.patch({ title }) })
  }

  async keep(kept: boolean): Promise<void> {
    await this.patch({ kept })
  }

  private async patch(body: { title?: string; kept?: boolean; speakers?: Record<string, { name: string | null } | { person: string }> }): Promise<void> {
    this.doc.card = await data(api.PATCH("/api/recordings/{ident}", { params: { path: { ident: this.doc.id } }, body }))
  }

  async remove(): Promise<void> {
    await api.DELETE("/api/recordings/{ident}", { params: { path: { ident: this.doc.id } } })
  }

  /** Put other texts in the place of some, one after the other; how many were done is told. What can't be sent now waits. */
  async replace(swaps: readonly Swap[], told: (done: number) => void): Promise<void> {
    await this.together(w().step.replace, swaps.map(({ segment }) => segment.id), async () => {
      for (const [n, { segment, text }] of swaps.entries()) {
        this.outbox.type(this.doc.segments.get(segment.id) ?? segment, text)
        await this.outbox.flush(segment.id)
        told(n + 1)
      }
    })
  }
}

// Texts and speakers that a person has changed and the server does not know yet. They are kept in this browser until it
// does: through a server that is away, a login that has ended, a tab that is closed.
import { SvelteMap } from "svelte/reactivity"

import { api, data, Failure } from "../../../api/client"
import { events } from "../../../api/events.svelte"
import type { SegmentCard } from "../../../api/schema"
import { session } from "../../../state/session.svelte"
import type { Doc } from "./doc.svelte"
import { unsent, type Change } from "./unsent"

/** What a change is made to. */
export type Seen = Pick<SegmentCard, "id" | "revision" | "text" | "speaker">

/** Somebody else has changed what a person is changing: both texts, theirs null where the segment is gone. */
export interface Conflict {
  mine: Change
  theirs: SegmentCard | null
}

/** So long after the last letter a text is sent. */
const CALM_MS = 900
const AGAIN_MS = [1000, 2000, 5000, 10_000, 30_000]

export class Outbox {
  /** What is on its way, by segment. */
  readonly pending = new SvelteMap<number, Change>()
  readonly conflicts = new SvelteMap<number, Conflict>()
  /** What the server does not take, and why. */
  readonly refused = new SvelteMap<number, string>()
  /** The server was away, or the login has ended: what waits is sent again by itself. */
  waiting = $state(false)
  /** Told of each text that was saved: what it was, and what it is. */
  onsaved: (before: SegmentCard, after: SegmentCard) => void = () => {}
  readonly state = $derived(this.conflicts.size ? "conflict" : this.refused.size ? "refused" : !this.pending.size ? "saved" : this.waiting ? "waiting" : "saving")
  private readonly timers = new Map<number, ReturnType<typeof setTimeout>>()
  private readonly sending = new Map<number, Promise<void>>()
  private tries = 0
  private again: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly doc: Doc) {
    doc.onnew = (segment) => this.came(segment)
  }

  /** Send again when that may help, for as long as the component is there; take up what an earlier page left. */
  listen(): void {
    for (const change of unsent.all(this.doc.id)) {
      this.pending.set(change.id, change)
      this.soon(change.id, 0)
    }
    $effect(() => {
      if (events.link === "connected" && !session.ended) this.flushAll()
    })
    $effect(() => () => {
      clearTimeout(this.again)
      for (const timer of this.timers.values()) clearTimeout(timer)
      this.flushAll()
    })
  }

  /** The text of a segment as its editor has it. */
  text(segment: SegmentCard): string {
    return this.pending.get(segment.id)?.text ?? segment.text
  }

  /** Who says a segment, as was chosen. */
  speaker(segment: SegmentCard): string | null {
    const change = this.pending.get(segment.id)
    return change?.speaker === undefined ? segment.speaker : change.speaker
  }

  /** A person has typed. */
  type(segment: Seen, text: string): void {
    this.change(segment, { text })
    this.soon(segment.id, CALM_MS)
  }

  /** A person has said who speaks. */
  give(segment: Seen, speaker: string | null): Promise<void> {
    this.change(segment, { speaker })
    return this.flush(segment.id)
  }

  private change(segment: Seen, fresh: Partial<Pick<Change, "text" | "speaker">>): void {
    const { id, revision, text: base, speaker: was } = segment
    const change: Change = { ...(this.pending.get(id) ?? { id, revision, base, was }), ...fresh }
    this.refused.delete(id)
    if (change.text !== undefined && line(change.text) === change.base) delete change.text
    if (change.speaker === change.was) delete change.speaker
    if (change.text === undefined && change.speaker === undefined) this.drop(id)
    else this.keep(change)
  }

  private keep(change: Change): void {
    this.pending.set(change.id, change)
    unsent.set(this.doc.id, change)
  }

  private drop(id: number): void {
    this.pending.delete(id)
    this.conflicts.delete(id)
    this.refused.delete(id)
    unsent.remove(this.doc.id, id)
  }

  private soon(id: number, ms: number): void {
    clearTimeout(this.timers.get(id))
    this.timers.set(id, setTimeout(() => void this.flush(id), ms))
  }

  /** Send what waits of a segment now. Whether it is saved is seen from what is pending afterwards. */
  async flush(id: number): Promise<void> {
    clearTimeout(this.timers.get(id))
    while (this.sending.has(id)) await this.sending.get(id) // one at a time, each over what came of the last one
    const change = this.pending.get(id)
    if (!change || this.conflicts.has(id) || (change.text !== undefined && !line(change.text))) return
    const going = this.send(change).finally(() => this.sending.delete(id))
    this.sending.set(id, going)
    await going
  }

  flushAll(): void {
    this.tries = 0
    for (const id of this.pending.keys()) if (!this.refused.has(id)) void this.flush(id)
  }

  private async send(change: Change): Promise<void> {
    const { id, revision, text, speaker } = change
    const body = { revision, ...(text === undefined ? {} : { text }), ...(speaker === undefined ? {} : { speaker }) }
    try {
      const after = await data(api.PATCH("/api/segments/{number}", { params: { path: { number: id } }, body }))
      const before = this.doc.segments.get(id) ?? after
      this.saved(change, after)
      this.onsaved({ ...before, revision, text: change.base, speaker: change.was }, after)
    } catch (error) {
      if (error instanceof Failure) await this.failed(change, error)
      else throw error
    }
  }

  private saved(sent: Change, after: SegmentCard): void {
    this.waiting = false
    this.tries = 0
    const now = this.pending.get(after.id)
    this.drop(after.id)
    this.doc.put(after)
    // What was typed while this was on its way is a change to what has come of it.
    if (now && now.text !== undefined && now.text !== sent.text) this.type(after, now.text)
    if (now && now.speaker !== undefined && now.speaker !== sent.speaker) void this.give(after, now.speaker)
  }

  private async failed(change: Change, failure: Failure): Promise<void> {
    if (failure.status === 409 || failure.status === 404) return this.overtaken(change, failure)
    if (failure.status === 400 || failure.status === 403 || failure.status === 413) {
      this.refused.set(change.id, failure.message)
      return
    }
    this.waiting = true
    clearTimeout(this.again)
    if (failure.status === 401) return // the page asks for the login, and goes on from there
    const wait = failure.retryAfterS ? failure.retryAfterS * 1000 : AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)]
    this.again = setTimeout(() => this.retry(), wait)
  }

  private retry(): void {
    for (const id of this.pending.keys()) if (!this.refused.has(id)) void this.flush(id)
  }

  /** The segment is at another revision than the one that was changed, or gone. */
  private async overtaken(change: Change, failure: Failure): Promise<void> {
    try {
      const theirs = await this.doc.fresh(change.id)
      if (failure.status === 404) this.refused.set(change.id, failure.message) // it may be seen and not changed
      else if (!this.rebased(theirs)) this.conflicts.set(change.id, { mine: this.pending.get(change.id) ?? change, theirs })
      else this.soon(change.id, 0)
    } catch (error) {
      if (error instanceof Failure && error.status === 404) this.conflicts.set(change.id, { mine: this.pending.get(change.id) ?? change, theirs: null })
      else if (error instanceof Failure) await this.failed(change, error)
    }
  }

  /** A segment came from the server while a person is changing it. */
  private came(segment: SegmentCard): void {
    if (this.sending.has(segment.id)) return // the answer will say
    const mine = this.pending.get(segment.id)
    if (!mine || mine.revision >= segment.revision) return
    if (!this.rebased(segment)) this.conflicts.set(segment.id, { mine, theirs: segment })
  }

  /** Put a change over another revision, where both don't touch the same; false where they do. */
  private rebased(theirs: SegmentCard): boolean {
    const mine = this.pending.get(theirs.id)
    if (!mine) return true
    const fresh: Change = { ...mine, revision: theirs.revision, base: theirs.text, was: theirs.speaker }
    if (mine.text !== undefined) {
      if (line(mine.text) === theirs.text) delete fresh.text
      else if (theirs.text !== mine.base) return false
    }
    if (fresh.speaker === theirs.speaker) delete fresh.speaker
    if (fresh.text === undefined && fresh.speaker === undefined) this.drop(theirs.id)
    else this.keep(fresh)
    return true
  }

  /** Mine goes over theirs, which stays in the history. */
  async keepMine(id: number): Promise<void> {
    const conflict = this.conflicts.get(id)
    if (!conflict?.theirs) return
    const { revision, text: base, speaker: was } = conflict.theirs
    this.conflicts.delete(id)
    this.keep({ ...(this.pending.get(id) ?? conflict.mine), revision, base, was })
    await this.flush(id)
  }

  /** Theirs stays, mine is let go. */
  takeTheirs(id: number): void {
    clearTimeout(this.timers.get(id))
    this.drop(id)
  }
}

/** A text as the server keeps it: one line, without what can't be seen but for joiners and marks of direction. */
export function line(text: string): string {
  return text.replace(/(?![\u061c\u200c-\u200f])[\p{C}\p{Z}\s]+/gu, " ").trim()
}

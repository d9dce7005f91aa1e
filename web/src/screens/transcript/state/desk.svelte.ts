// What the parts of the transcript's screen share: the recording, its sound, what is changed, and where one is in it.
import { getContext, setContext } from "svelte"
import { toast } from "svelte-sonner"

import type { SegmentCard } from "../../../api/schema"
import { clock } from "../../../i18n/format"
import { t } from "../../../i18n/index.svelte"
import { session } from "../../../state/session.svelte"
import { pattern, type Wanted } from "../logic/replace"
import { nextSpeech, rowAt } from "../logic/rows"
import { w } from "../texts"
import { Again } from "./again.svelte"
import { Doc } from "./doc.svelte"
import { Edits } from "./edits.svelte"
import { Marks } from "./marks"
import { Notes } from "./notes.svelte"
import { Outbox } from "./outbox.svelte"
import { Player } from "./player.svelte"

const KEY = Symbol("desk")

/** What a list of segments can do; given by the list. */
export interface Shelf {
  /** Show a row, and give it the focus where that is wanted. */
  show: (index: number, how: { focus?: boolean; middle?: boolean }) => void
}

/** Some of what was said: from a word to a word, or whole segments. */
export interface Picked {
  ids: number[]
  start_s: number
  end_s: number
  /** What was said, where it is not whole segments. */
  text?: string
}

export class Desk {
  readonly doc: Doc
  readonly outbox: Outbox
  readonly edits: Edits
  readonly notes: Notes
  readonly again: Again
  readonly player: Player
  readonly marks = new Marks()
  /** The segment that has, or would get, the focus. */
  current = $state<number | null>(null)
  /** The segment that is written in, and where its caret goes first. */
  editing = $state.raw<{ id: number; caret: number | null } | null>(null)
  /** The segment that is being said. */
  said = $state<number | null>(null)
  follows = $state(true)
  wanted = $state.raw<Wanted | null>(null)
  compares = $state(false)
  /** Where segments were begun to be chosen; the current one is the other end. */
  anchor = $state<number | null>(null)
  /** Words that are chosen. */
  words = $state.raw<Picked | null>(null)
  /** The note that is being written. */
  noting = $state<string | null>(null)
  menu = $state.raw<{ kind: "speaker" | "more"; ids: number[]; at: Element } | null>(null)
  open = $state<"keys" | "history" | "remove" | "replace" | "rename" | "remember" | "speakers" | "again" | null>(null)
  /** Which segment, or speaker, what is open is about. */
  about = $state<{ segment?: number; speaker?: string; part?: Picked | null }>({})
  shelf: Shelf | null = null
  /** The rows of segments that are chosen, the first and the last one. */
  readonly span = $derived.by((): [number, number] | null => {
    const [a, b] = [this.anchor, this.current].map((id) => (id === null ? undefined : this.doc.index.get(id)))
    return a === undefined || b === undefined ? null : [Math.min(a, b), Math.max(a, b)]
  })
  /** What is chosen. */
  readonly picked = $derived(this.words ?? this.part(this.span))
  readonly pattern = $derived(this.wanted && pattern(this.wanted))

  constructor(id: string, at_s: number) {
    this.doc = new Doc(id, at_s)
    this.outbox = new Outbox(this.doc)
    this.edits = new Edits(this.doc, this.outbox)
    this.notes = new Notes(this.doc, this.edits.steps)
    this.again = new Again(id)
    this.player = new Player(id)
    this.player.silence = (at_s) => nextSpeech(this.doc.rows, at_s)
  }

  /** Whether the recording may be changed by who is there. */
  get may(): boolean {
    return session.may("archive:write") && (this.doc.card?.editable ?? false)
  }

  /** The name of a speaker, as shown. */
  name(label: string | null): string {
    return this.doc.name(label, (n) => w().speaker(n)) || w().nobody
  }

  /** Write in a segment. */
  edit(id: number, caret: number | null = null): void {
    if (!this.may) return
    if (this.editing?.id !== id) this.edits.begin(id)
    this.current = id
    this.editing = { id, caret }
  }

  /** End writing; what was typed is sent at once. */
  done(focus = true): void {
    const { editing } = this
    if (!editing) return
    this.editing = null
    void this.outbox.flush(editing.id)
    if (focus) this.go(editing.id)
  }

  private part(span: [first: number, last: number] | null): Picked | null {
    if (!span) return null
    const { rows } = this.doc
    const [first, last] = span
    const ends = rows.end_s.slice(first, last + 1)
    return { ids: rows.id.slice(first, last + 1), start_s: rows.start_s[first] ?? 0, end_s: ends.reduce((most, end_s) => Math.max(most, end_s), 0) }
  }

  /** What is chosen, or the segment that one is at. */
  target(id = this.current): Picked | null {
    const index = id === null ? undefined : this.doc.index.get(id)
    return this.picked ?? (index === undefined ? null : this.part([index, index]))
  }

  /** Nothing is chosen any more. */
  unpick(): void {
    this.anchor = this.words = null
    getSelection()?.removeAllRanges()
  }

  /** Highlight what is chosen, or take that away. */
  async light(part = this.target()): Promise<void> {
    if (part && (await this.attempt(() => this.notes.light(part.start_s, part.end_s)))) this.unpick()
  }

  /** Write a note to what is chosen. */
  note(part = this.target()): void {
    if (!part) return
    this.unpick()
    this.noting = this.notes.begin(part.start_s, part.end_s)
  }

  /** Let what is chosen be transcribed again, or all of it. */
  redoPart(part: Picked | null): void {
    this.about = { part }
    this.open = "again"
  }

  /** Copy what is chosen, each segment with its time and who says it. */
  async copy(part = this.target()): Promise<void> {
    if (!part) return
    const told = part.text ?? (await this.doc.whole(part.ids)).map((s) => this.told(s)).join("\n")
    if (await this.attempt(() => navigator.clipboard.writeText(told))) toast(t().common.copied)
  }

  private told(segment: SegmentCard): string {
    const who = this.outbox.speaker(segment)
    return `[${clock(segment.start_s)}] ${who === null ? "" : `${this.name(who)}: `}${this.outbox.text(segment)}`
  }

  /** Go to a segment. With `reach` all from where one was are chosen. */
  go(id: number, how: { focus?: boolean; middle?: boolean; reach?: boolean } = { focus: true }): void {
    const index = this.doc.index.get(id)
    if (index === undefined) return
    this.anchor = how.reach ? (this.anchor ?? this.current) : null
    this.current = id
    this.shelf?.show(index, how)
  }

  /** Go on by some rows from the current one. */
  step(by: number, reach = false): number | null {
    const { rows, index } = this.doc
    const here = this.current === null ? -1 : (index.get(this.current) ?? -1)
    const id = rows.id[Math.min(rows.id.length - 1, Math.max(0, here + by))]
    if (id === undefined) return null
    this.go(id, { focus: true, reach })
    return id
  }

  /** Go to a time. */
  jump(at_s: number): void {
    this.player.seek(at_s)
    const id = this.doc.rows.id[Math.max(0, rowAt(this.doc.rows, at_s))]
    if (id !== undefined) this.go(id, { middle: true })
  }

  /** Hear a segment. */
  hear(id: number): void {
    const index = this.doc.index.get(id)
    if (index !== undefined) this.player.play(this.doc.rows.start_s[index], this.doc.rows.end_s[index])
  }

  /** Do something that may fail, and say so where it does. */
  async attempt(does: () => Promise<unknown>): Promise<boolean> {
    try {
      await does()
      return true
    } catch (error) {
      toast.error(error instanceof Error ? error.message : String(error))
      return false
    }
  }

  async undo(): Promise<void> {
    await this.attempt(async () => {
      const name = await this.edits.steps.undo()
      if (name) toast(w().undone(name))
    })
  }

  async redo(): Promise<void> {
    await this.attempt(async () => {
      const name = await this.edits.steps.redo()
      if (name) toast(w().redone(name))
    })
  }
}

/** Make the desk of a screen. What is on its way when the screen is left still finds all as it was. */
export function laid(id: string, at_s: number): Desk {
  let made: Desk | undefined
  $effect.root(() => void (made = new Desk(id, at_s)))
  return setContext(KEY, made as Desk)
}

export function desk(): Desk {
  return getContext<Desk>(KEY)
}

// What the parts of the transcript's screen share: the recording, its sound, what is changed, and where one is in it.
import { getContext, setContext } from "svelte"
import { toast } from "svelte-sonner"

import { session } from "../../../state/session.svelte"
import { pattern, type Wanted } from "../logic/replace"
import { nextSpeech, rowAt } from "../logic/rows"
import { w } from "../texts"
import { Doc } from "./doc.svelte"
import { Edits } from "./edits.svelte"
import { Marks } from "./marks"
import { Outbox } from "./outbox.svelte"
import { Player } from "./player.svelte"

const KEY = Symbol("desk")

/** What a list of segments can do; given by the list. */
export interface Shelf {
  /** Show a row, and give it the focus where that is wanted. */
  show: (index: number, how: { focus?: boolean; middle?: boolean }) => void
}

export class Desk {
  readonly doc: Doc
  readonly outbox: Outbox
  readonly edits: Edits
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
  menu = $state.raw<{ kind: "speaker" | "more"; ids: number[]; at: Element } | null>(null)
  open = $state<"keys" | "history" | "remove" | "replace" | "rename" | "remember" | "speakers" | null>(null)
  /** Which segment, or speaker, what is open is about. */
  about = $state<{ segment?: number; speaker?: string }>({})
  shelf: Shelf | null = null
  readonly pattern = $derived(this.wanted && pattern(this.wanted))

  constructor(id: string, at_s: number) {
    this.doc = new Doc(id, at_s)
    this.outbox = new Outbox(this.doc)
    this.edits = new Edits(this.doc, this.outbox)
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

  /** Go to a segment. */
  go(id: number, how: { focus?: boolean; middle?: boolean } = { focus: true }): void {
    const index = this.doc.index.get(id)
    if (index === undefined) return
    this.current = id
    this.shelf?.show(index, how)
  }

  /** Go on by some rows from the current one. */
  step(by: number): number | null {
    const { rows, index } = this.doc
    const here = this.current === null ? -1 : (index.get(this.current) ?? -1)
    const id = rows.id[Math.min(rows.id.length - 1, Math.max(0, here + by))]
    if (id === undefined) return null
    this.go(id)
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

// Notes and highlights. What is written is kept in this browser until the server has it, as with texts.
import { SvelteMap } from "svelte/reactivity"

import { api, data, Failure } from "../../../api/client"
import { events } from "../../../api/events.svelte"
import type { NoteCard } from "../../../api/schema"
import { kept } from "../../../state/kept"
import { session } from "../../../state/session.svelte"
import { lit, placed, rowOf, without } from "../logic/notes"
import { w } from "../texts"
import type { Doc } from "./doc.svelte"
import type { Steps } from "./steps.svelte"

/** A note that is being written: that of an id, or a new one at a place. */
export interface Draft {
  id: number | null
  start_s: number
  end_s: number
  text: string
  /** Why the server does not take it. */
  refused?: string
}

type Fresh = Pick<NoteCard, "start_s" | "end_s" | "text"> & { kind: "note" | "highlight" }

const AGAIN_MS = 3000

export class Notes {
  list = $state.raw<readonly NoteCard[]>([])
  /** What is written and not saved, by the id of the note or the place of a new one. */
  readonly drafts = new SvelteMap<string, Draft>()
  readonly placed = $derived.by(() => placed(this.doc.rows, this.list))
  private readonly sending = new Set<string>()
  private again: ReturnType<typeof setTimeout> | undefined
  private turn = 0

  constructor(
    private readonly doc: Doc,
    private readonly steps: Steps,
  ) {
    for (const draft of this.left()) this.drafts.set(keyOf(draft), draft)
    doc.onnoted = () => void this.reload()
    if (doc.id) void this.reload()
  }

  /** Send again when that may help, for as long as the component is there. */
  listen(): void {
    $effect(() => {
      if (events.link === "connected" && !session.ended) for (const key of this.drafts.keys()) if (!this.open.has(key)) void this.save(key)
    })
    $effect(() => () => clearTimeout(this.again))
  }

  /** Keys of drafts somebody writes in just now. */
  private readonly open = new Set<string>()

  private get place(): string {
    return `notes.${session.me?.user?.id ?? ""}.${this.doc.id}`
  }

  private left(): Draft[] {
    try {
      const found: unknown = JSON.parse(kept.get(this.place) ?? "[]")
      return Array.isArray(found) ? found.filter((one): one is Draft => typeof one?.text === "string" && typeof one?.start_s === "number") : []
    } catch {
      return []
    }
  }

  private keep(): void {
    const all = [...this.drafts.values()].map((draft) => ({ ...draft, refused: undefined }))
    kept.set(this.place, all.length ? JSON.stringify(all) : null)
  }

  async reload(): Promise<void> {
    const mine = ++this.turn
    const found = await data(api.GET("/api/recordings/{ident}/notes", { params: { path: { ident: this.doc.id } } })).catch(() => null)
    if (found && mine === this.turn) this.list = found.notes
  }

  /** The drafts of new notes that are shown at a segment. */
  fresh(id: number): Draft[] {
    return [...this.drafts.values()].filter((draft) => draft.id === null && rowOf(this.doc.rows, draft.start_s) === id)
  }

  // ── writing ──
  /** Begin to write: a new note, or in one that is there. */
  begin(start_s: number, end_s: number, note?: NoteCard): string {
    const draft = { id: note?.id ?? null, start_s, end_s, text: note?.text ?? "" }
    const key = keyOf(draft)
    this.open.add(key)
    if (!this.drafts.has(key)) this.drafts.set(key, draft)
    return key
  }

  type(key: string, text: string): void {
    const draft = this.drafts.get(key)
    if (!draft) return
    this.drafts.set(key, { id: draft.id, start_s: draft.start_s, end_s: draft.end_s, text })
    this.keep()
  }

  /** Somebody has done with it: it is saved; an empty one is no note. */
  async done(key: string): Promise<void> {
    this.open.delete(key)
    await this.save(key)
  }

  /** Let go of what was written. */
  drop(key: string): void {
    this.open.delete(key)
    this.drafts.delete(key)
    this.keep()
  }

  private async save(key: string): Promise<void> {
    const draft = this.drafts.get(key)
    if (!draft || this.sending.has(key)) return
    const was = draft.id === null ? undefined : this.list.find(({ id }) => id === draft.id)
    const text = draft.text.trim()
    if (text === (was?.text ?? "")) return this.drop(key)
    this.sending.add(key)
    try {
      if (draft.id === null) await this.put({ start_s: draft.start_s, end_s: draft.end_s, kind: "note", text })
      else if (!text && was) await this.remove(was)
      else if (was) await this.write(was, text)
      else throw new Failure(w().note.gone, "gone", 404)
      if (this.drafts.get(key)?.text === draft.text) this.drop(key)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      if (error.passing) {
        clearTimeout(this.again)
        this.again = setTimeout(() => void this.save(key), AGAIN_MS)
      } else if (error.status !== 401) this.drafts.set(key, { ...draft, refused: error.message })
    } finally {
      this.sending.delete(key)
    }
  }

  // ── what is done at once, and taken back ──
  private async put(note: Fresh): Promise<void> {
    let made = await this.add(note)
    this.steps.push({
      name: w().step[note.kind],
      undo: () => this.gone(made.id),
      redo: async () => void (made = await this.add(note)),
    })
  }

  private async write(note: NoteCard, text: string): Promise<void> {
    await this.change(note.id, text)
    this.steps.push({ name: w().step.note, undo: () => this.change(note.id, note.text), redo: () => this.change(note.id, text) })
  }

  /** Take one away. */
  async remove(note: NoteCard): Promise<void> {
    let { id } = note
    await this.gone(id)
    const again = async (): Promise<void> => void ({ id } = await this.add(note as Fresh))
    this.steps.push({ name: w().step[note.kind as Fresh["kind"]], undo: again, redo: () => this.gone(id) })
  }

  /** Highlight a stretch, or take that away where all of it is highlighted. */
  async light(start_s: number, end_s: number): Promise<void> {
    const there = this.list.filter((one) => one.kind === "highlight" && one.start_s < end_s && one.end_s > start_s)
    const all = lit(there, { start_s, end_s: start_s }) && lit(there, { start_s, end_s }) && lit(there, { start_s: end_s, end_s })
    const text = there.map((one) => one.text).filter(Boolean).join("\n")
    const whole = { start_s: Math.min(start_s, ...there.map((one) => one.start_s)), end_s: Math.max(end_s, ...there.map((one) => one.end_s)) }
    const fresh: Fresh[] = (all ? there.flatMap((one) => without(one, start_s, end_s)) : [whole]).map((one) => ({ ...one, kind: "highlight", text }))
    let ids = there.map(({ id }) => id)
    const turn = async (to: Fresh[]): Promise<void> => {
      const made = []
      for (const one of to) made.push((await this.add(one)).id)
      for (const id of ids) await this.gone(id)
      ids = made
    }
    await turn(fresh)
    this.steps.push({ name: w().step.highlight, undo: () => turn(there as Fresh[]), redo: () => turn(fresh) })
  }

  private async add(note: Fresh): Promise<NoteCard> {
    const { start_s, end_s, kind, text } = note
    const made = await data(api.POST("/api/recordings/{ident}/notes", { params: { path: { ident: this.doc.id } }, body: { start_s, end_s, kind, text } }))
    this.turn++ // an answer that is on its way does not know of it
    this.list = [...this.list.filter(({ id }) => id !== made.id), made].sort((a, b) => a.start_s - b.start_s || a.id - b.id)
    return made
  }

  private async change(number: number, text: string): Promise<void> {
    const now = await data(api.PATCH("/api/recordings/{ident}/notes/{number}", { params: { path: { ident: this.doc.id, number } }, body: { text } }))
    this.turn++
    this.list = this.list.map((one) => (one.id === number ? now : one))
  }

  private async gone(number: number): Promise<void> {
    try {
      await api.DELETE("/api/recordings/{ident}/notes/{number}", { params: { path: { ident: this.doc.id, number } } })
    } catch (error) {
      if (!(error instanceof Failure) || error.status !== 404) throw error // somebody else took it away
    }
    this.turn++
    this.list = this.list.filter(({ id }) => id !== number)
  }
}

export function keyOf(draft: Pick<Draft, "id" | "start_s">): string {
  return draft.id === null ? `at ${draft.start_s}` : String(draft.id)
}

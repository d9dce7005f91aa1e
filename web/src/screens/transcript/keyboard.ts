// What keys do beyond the row that has the focus. Where somebody writes, only those with Alt.
import type { Desk } from "./state/desk.svelte"

export interface Doors {
  find: () => void
  askTime: () => void
}

const WRITING = "input, textarea, select, [contenteditable]"
const ELSEWHERE = "[role=dialog], [role=menu], [role=alertdialog]"

/** Whether a key was for the transcript; then it has done what it does. */
export function pressed(event: KeyboardEvent, d: Desk, doors: Doors): boolean {
  const target = event.target as Element
  if (event.defaultPrevented || event.isComposing || target.closest(ELSEWHERE) || d.open || d.menu) return false
  const written = event.getModifierState("AltGraph")
  const ctrl = (event.ctrlKey || event.metaKey) && !written
  const alt = event.altKey && !written
  const does = target.closest(WRITING) ? whileWriting(event, d, doors, ctrl, alt) : ctrl ? withCtrl(event, d, doors) : alt ? null : alone(event, d, doors, target)
  if (!does) return false
  event.preventDefault()
  does()
  return true
}

type Does = (() => void) | null

function whileWriting(event: KeyboardEvent, d: Desk, doors: Doors, ctrl: boolean, alt: boolean): Does {
  if (ctrl && !alt && event.key.toLowerCase() === "f") return doors.find
  if (!alt || ctrl) return null
  const id = d.editing?.id
  return {
    KeyK: () => d.player.toggle(),
    KeyJ: () => d.player.seek(d.player.now() - 5),
    KeyL: () => d.player.seek(d.player.now() + 5),
    KeyP: () => id !== undefined && d.hear(id),
  }[event.code] as Does
}

function withCtrl(event: KeyboardEvent, d: Desk, doors: Doors): Does {
  switch (event.key.toLowerCase()) {
    case "f":
      return doors.find
    case "z":
      return event.shiftKey ? () => void d.redo() : () => void d.undo()
    case "y":
      return () => void d.redo()
    default:
      return null
  }
}

function alone(event: KeyboardEvent, d: Desk, doors: Doors, target: Element): Does {
  const row = d.current ?? d.doc.rows.id[0]
  switch (event.key.length === 1 ? event.key.toLowerCase() : event.key) {
    case " ":
      return target.closest("button, a, summary") ? null : () => d.player.toggle()
    case "j":
      return () => d.player.seek(d.player.now() - 5)
    case "l":
      return () => d.player.seek(d.player.now() + 5)
    case "[":
      return () => d.player.faster(-1)
    case "]":
      return () => d.player.faster(1)
    case "ArrowUp":
      return () => void d.step(-1, event.shiftKey)
    case "ArrowDown":
      return () => void d.step(1, event.shiftKey)
    case "Escape":
      return d.picked ? () => d.unpick() : null
    case "m":
      return d.may ? () => void d.light() : null
    case "n":
      return d.may ? () => d.note() : null
    case "r":
      return d.may && d.player.there && row !== undefined ? () => d.redoPart(d.target()) : null
    case "p":
      return () => row !== undefined && d.hear(row)
    case "c":
      return () => {
        d.follows = true
        if (d.said !== null) d.go(d.said, { middle: true, focus: true })
      }
    case "g":
      return doors.askTime
    case "s":
      return d.may && row !== undefined ? () => choose(d, row) : null
    case "h":
      return row === undefined ? null : () => ((d.about = { segment: row }), (d.open = "history"))
    case "?":
      return () => (d.open = "keys")
    default:
      return null
  }
}

function choose(d: Desk, id: number): void {
  const at = document.querySelector(`[data-row="${id}"]`)
  if (at) d.menu = { kind: "speaker", ids: d.picked?.ids ?? [id], at }
  else d.go(id)
}

// What waits to be sent, in the browser's storage: an entry a segment, so that tabs don't write over each other's. It
// belongs to who typed it, and is not sent in another's name.
import { session } from "../../../state/session.svelte"

export interface Change {
  id: number
  /** The revision that was seen, and its text and speaker. */
  revision: number
  base: string
  was: string | null
  text?: string
  speaker?: string | null
}

function prefix(recording: string): string {
  return `earwitness.unsent.${session.me?.user?.id ?? ""}.${recording}.`
}

export const unsent = {
  all(recording: string): Change[] {
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(prefix(recording)))
      return keys.flatMap((key) => read(localStorage.getItem(key)))
    } catch {
      return []
    }
  },
  set(recording: string, change: Change): void {
    try {
      localStorage.setItem(prefix(recording) + change.id, JSON.stringify(change))
    } catch {
      // a browser that stores nothing keeps it as long as the page is open
    }
  },
  remove(recording: string, id: number): void {
    try {
      localStorage.removeItem(prefix(recording) + id)
    } catch {
      // likewise
    }
  },
}

function read(kept: string | null): Change[] {
  try {
    const found = JSON.parse(kept ?? "") as Change
    return Number.isInteger(found.id) && Number.isInteger(found.revision) && typeof found.base === "string" ? [found] : []
  } catch {
    return []
  }
}

// Searches that somebody wants again. They are kept in this browser: an account has no place for them yet.
import { kept } from "../../state/kept"

const NAME = "searches"
export const MOST = 50

export interface Saved {
  name: string
  /** The path of the page. */
  path: string
}

/** What a browser has kept, whatever somebody else has put there. */
export function parsed(told: string | null): Saved[] {
  try {
    const found: unknown = JSON.parse(told ?? "[]")
    if (!Array.isArray(found)) return []
    return found.filter(
      (one: unknown): one is Saved =>
        typeof one === "object" && one !== null && "name" in one && "path" in one && typeof one.name === "string" && typeof one.path === "string" && one.path.startsWith("/archive"),
    )
  } catch {
    return []
  }
}

class Searches {
  list = $state.raw<readonly Saved[]>(parsed(kept.get(NAME)))

  constructor() {
    addEventListener("storage", () => (this.list = parsed(kept.get(NAME)))) // another tab
  }

  /** Keep one; the newest first, and one of a name. */
  add(name: string, path: string): void {
    this.keep([{ name, path }, ...this.list.filter((one) => one.name !== name && one.path !== path)].slice(0, MOST))
  }

  remove(path: string): void {
    this.keep(this.list.filter((one) => one.path !== path))
  }

  private keep(list: readonly Saved[]): void {
    this.list = list
    kept.set(NAME, JSON.stringify(list))
  }
}

export const searches = new Searches()

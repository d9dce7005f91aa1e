// Which screen is shown, by the address under the page's base. Links are plain <a href>; clicks on them stay in the page.
const base = new URL(document.baseURI).pathname

/** The address of a path of the page: `link("/files")`. */
export function link(path: string): string {
  return base.replace(/\/$/, "") + path
}

export type Params = Record<string, string>

/** The parameters of a path by a pattern such as `/t/:id`, or null where it is another path. */
export function matched(pattern: string, path: string): Params | null {
  const wanted = pattern.split("/")
  const given = path.replace(/(.)\/$/, "$1").split("/")
  if (wanted.length !== given.length) return null
  const found: Params = {}
  for (const [i, part] of wanted.entries()) {
    const piece = given[i] ?? ""
    if (part.startsWith(":")) {
      if (!piece) return null
      try {
        found[part.slice(1)] = decodeURIComponent(piece)
      } catch {
        return null
      }
    } else if (part !== piece) return null
  }
  return found
}

class Router {
  path = $state(here())
  query = $state(new URLSearchParams(location.search))
  /** Asked before a screen is left; false keeps it. */
  private guard: (() => boolean) | null = null

  constructor() {
    addEventListener("popstate", () => this.read())
    document.addEventListener("click", (event) => this.clicked(event))
  }

  go(to: string, replace = false): void {
    if (this.guard && !this.guard()) return
    history[replace ? "replaceState" : "pushState"](null, "", link(to))
    this.read()
    if (!replace) window.scrollTo(0, 0)
  }

  /** Change the query of this screen without a new step in the browser's history. */
  ask(change: Record<string, string | null>): void {
    const query = new URLSearchParams(location.search)
    for (const [name, value] of Object.entries(change)) {
      if (value) query.set(name, value)
      else query.delete(name)
    }
    const told = query.toString()
    history.replaceState(null, "", location.pathname + (told ? `?${told}` : ""))
    this.read()
  }

  /** Ask before the screen is left for another one; the function that is returned takes this back. */
  hold(may: () => boolean): () => void {
    this.guard = may
    return () => {
      if (this.guard === may) this.guard = null
    }
  }

  private read(): void {
    this.path = here()
    this.query = new URLSearchParams(location.search)
  }

  private clicked(event: MouseEvent): void {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const anchor = (event.target as Element | null)?.closest?.("a")
    if (!anchor || anchor.target || anchor.hasAttribute("download") || anchor.dataset.server !== undefined) return
    const to = new URL(anchor.href)
    if (to.origin !== location.origin || !to.pathname.startsWith(base) || (to.hash && to.pathname === location.pathname)) return
    event.preventDefault()
    this.go("/" + to.pathname.slice(base.length) + to.search + to.hash)
  }
}

function here(): string {
  const path = location.pathname
  return path.startsWith(base) ? "/" + path.slice(base.length) : path
}

export const router = new Router()

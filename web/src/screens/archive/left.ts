// The search that was left for a transcript: going back leads to what was shown, at the same place.
import { tick } from "svelte"

import { router } from "../../state/router.svelte"
import { path } from "./ask"
import type { Found, Kept } from "./found.svelte"

const SOON_MS = 1500

let kept: { path: string; found: Kept; scroll: number } | null = null
let back = -SOON_MS
addEventListener("popstate", () => (back = performance.now()))

export const left = {
  /** Show what was shown at this path, where the browser goes back to it; whether it does. */
  again(wanted: string, found: Found): boolean {
    const here = kept
    if (here?.path !== wanted || performance.now() - back > SOON_MS) return false
    found.restore(here.found)
    void tick().then(() => requestAnimationFrame(() => window.scrollTo(0, here.scroll)))
    return true
  },
  /** Remember what is shown until the screen is left; the function that is returned is called then. */
  watch(found: Found): () => void {
    let scroll = window.scrollY
    const moved = (): void => {
      if (router.path === "/archive") scroll = window.scrollY // the next screen begins at its top
    }
    addEventListener("scroll", moved, { passive: true })
    return () => {
      removeEventListener("scroll", moved)
      const now = found.kept()
      if (now.ask && now.answered !== null) kept = { path: path(now.ask), found: now, scroll }
    }
  },
}

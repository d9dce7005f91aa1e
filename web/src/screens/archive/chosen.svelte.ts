// Which of a list are chosen; with Shift, all between the last one and this one.
import { SvelteSet } from "svelte/reactivity"

export class Chosen<T> {
  readonly set = new SvelteSet<T>()
  private last: T | null = null

  toggle(id: T, extend: boolean, all: readonly T[]): void {
    const on = !this.set.has(id)
    const [from, to] = [this.last === null ? -1 : all.indexOf(this.last), all.indexOf(id)]
    const some = extend && from >= 0 && to >= 0 ? all.slice(Math.min(from, to), Math.max(from, to) + 1) : [id]
    for (const one of some) {
      if (on) this.set.add(one)
      else this.set.delete(one)
    }
    this.last = id
  }

  /** What is chosen of those that are there. */
  of(all: readonly T[]): T[] {
    return all.filter((id) => this.set.has(id))
  }

  /** Choose all of these; null where they are. */
  all(ids: readonly T[]): (() => void) | null {
    return ids.every((id) => this.set.has(id)) ? null : () => ids.forEach((id) => this.set.add(id))
  }

  none(): void {
    this.set.clear()
    this.last = null
  }
}

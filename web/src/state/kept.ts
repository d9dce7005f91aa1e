// What this browser remembers of a person's choices. A browser that remembers nothing is no fault.
const PREFIX = "earwitness."

export const kept = {
  get(name: string): string | null {
    try {
      return localStorage.getItem(PREFIX + name)
    } catch {
      return null
    }
  },
  set(name: string, value: string | null): void {
    try {
      if (value === null) localStorage.removeItem(PREFIX + name)
      else localStorage.setItem(PREFIX + name, value)
    } catch {
      // private windows of some browsers keep nothing
    }
  },
}

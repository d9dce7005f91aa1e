// Which commands are meant by a few letters.

export interface Command {
  id: string
  group: "go" | "do" | "recent" | "found"
  text: string
  /** Other words for it, such as its name in another language. */
  words?: string
  hint?: string
  /** A part of a screen: found by its name, and not offered to whoever has typed nothing. */
  inside?: boolean
  run: () => void
}

/** Small letters without accents, so that "uber" finds "Über". */
export function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase()
}

const NONE = 3

/** How well a word stands for a command: 0 is the best, 3 not at all. */
function rank(command: Command, word: string): number {
  const text = plain(command.text)
  if (text.startsWith(word)) return 0
  const parts = `${text} ${plain(command.words ?? "")}`.split(/[\s:·/–-]+/)
  if (parts.some((part) => part.startsWith(word))) return 1
  return text.includes(word) ? 2 : NONE
}

/** Those that all typed words stand for, the likeliest first, else in their order; all of them where nothing is typed. */
export function meant(commands: readonly Command[], typed: string): Command[] {
  const words = plain(typed).split(/\s+/).filter(Boolean)
  if (!words.length) return [...commands]
  return commands
    .map((command) => ({ command, rank: Math.max(...words.map((word) => rank(command, word))) }))
    .filter((one) => one.rank < NONE)
    .sort((a, b) => a.rank - b.rank)
    .map((one) => one.command)
}

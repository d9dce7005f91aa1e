// How captions look: chosen in the page and remembered, or said in the address, for OBS.
import { kept } from "../../state/kept"

export const LOOKS = ["dark", "light", "yellow"] as const
export type Look = (typeof LOOKS)[number]
export const LINES = ["0", "2", "3", "5"] as const

export interface Style {
  /** Height of a letter, in hundredths of the window's smaller side. */
  size: number
  look: Look
  /** Lines of text at most; 0 is as many as fit. */
  lines: string
  speakers: boolean
}

const FIRST: Style = { size: 8, look: "dark", lines: "0", speakers: true }
export const SIZES = { least: 3, most: 24 }

export const COLOURS: Record<Look, { ink: string; ground: string; dim: string }> = {
  dark: { ink: "#ffffff", ground: "#000000", dim: "#b9c2be" },
  light: { ink: "#000000", ground: "#ffffff", dim: "#565e5a" },
  yellow: { ink: "#ffe94d", ground: "#000000", dim: "#c4b86a" },
}

/** A style out of what was remembered, and over it what the address says. What makes no sense is left out. */
export function styled(remembered: string | null, query: URLSearchParams): Style {
  let before: Partial<Style> = {}
  try {
    before = JSON.parse(remembered ?? "{}") as Partial<Style>
  } catch {
    // nothing was remembered that can be read
  }
  const said = (name: keyof Style): unknown => query.get(name) ?? before?.[name]
  const size = Number(said("size") ?? FIRST.size)
  return {
    size: Number.isFinite(size) ? Math.max(SIZES.least, Math.min(SIZES.most, size)) : FIRST.size,
    look: LOOKS.find((look) => look === said("look")) ?? FIRST.look,
    lines: LINES.find((lines) => lines === String(said("lines"))) ?? FIRST.lines,
    speakers: !["0", "false", false].includes(said("speakers") as string | boolean),
  }
}

/** A style as an address says it, for OBS: with as many lines as fit, text would stand all over the picture. */
export function asked({ size, look, lines, speakers }: Style): string {
  return new URLSearchParams({ size: String(size), look, lines: lines === "0" ? "2" : lines, speakers: speakers ? "1" : "0" }).toString()
}

export function remember(style: Style): void {
  kept.set("captions", JSON.stringify(style))
}

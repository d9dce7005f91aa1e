// Light, dark or high contrast: as the system says, until somebody chooses.
import { kept } from "./kept"

export const THEMES = ["system", "light", "dark", "contrast"] as const
export type Theme = (typeof THEMES)[number]

const dark = window.matchMedia("(prefers-color-scheme: dark)")
const contrast = window.matchMedia("(prefers-contrast: more)")

class Look {
  /** What is shown just now. */
  shown = $state<"light" | "dark" | "contrast">("light")
  chosen = $state<Theme>(THEMES.find((name) => name === kept.get("theme")) ?? "system")

  constructor() {
    for (const media of [dark, contrast]) media.addEventListener("change", () => this.show())
    this.show()
  }

  choose(theme: Theme): void {
    this.chosen = theme
    kept.set("theme", theme)
    this.show()
  }

  private show(): void {
    const system = contrast.matches ? "contrast" : dark.matches ? "dark" : "light"
    this.shown = this.chosen === "system" ? system : this.chosen
    document.documentElement.dataset.theme = this.shown
  }
}

export const look = new Look()

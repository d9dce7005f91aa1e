// How somebody records: chosen once, remembered in this browser.
import { kept } from "../../state/kept"
import type { From } from "./sound"

export interface Setup {
  from: From
  device: string
  model: string
  language: string
  speakers: boolean
  translate: boolean
  keep: boolean
  keep_audio: boolean
  keys: boolean
}

const FIRST: Setup = { from: "microphone", device: "", model: "", language: "", speakers: true, translate: false, keep: true, keep_audio: true, keys: true }

function remembered(): Setup {
  try {
    return { ...FIRST, ...(JSON.parse(kept.get("record") ?? "{}") as Partial<Setup>) }
  } catch {
    return { ...FIRST }
  }
}

export const setup = $state(remembered())

export function remember(): void {
  kept.set("record", JSON.stringify(setup))
}

// What a browser says of itself, in two words that people know. Guessed: nothing hangs on it.
const BROWSERS = [
  ["Edg", "Edge"], ["OPR", "Opera"], ["SamsungBrowser", "Samsung Internet"], ["Firefox", "Firefox"], ["FxiOS", "Firefox"], ["CriOS", "Chrome"], ["Chrome", "Chrome"], ["Safari", "Safari"],
] as const
const SYSTEMS = [
  ["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Windows", "Windows"], ["CrOS", "ChromeOS"], ["Mac OS X", "macOS"], ["Linux", "Linux"],
] as const

export interface Agent {
  browser: string | null
  system: string | null
}

/** The browser and the system; null for what is not known. */
export function agent(told: string): Agent {
  const browser = BROWSERS.find(([word]) => told.includes(`${word}/`))?.[1] ?? null
  return { browser, system: SYSTEMS.find(([word]) => told.includes(word))?.[1] ?? null }
}

// The page's language: English or German, remembered in this browser, the browser's own at first.
import { kept } from "../state/kept"
import { de } from "./de"
import { en, type Messages } from "./en"

export const LANGUAGES = { en: "English", de: "Deutsch" } as const
export type Language = keyof typeof LANGUAGES

const TEXTS: Record<Language, Messages> = { en, de }

function first(): Language {
  const asked = kept.get("language") ?? navigator.language.slice(0, 2)
  return asked in TEXTS ? (asked as Language) : "en"
}

class Tongue {
  language = $state<Language>(first())
  readonly texts = $derived(TEXTS[this.language])

  choose(language: Language): void {
    this.language = language
    kept.set("language", language)
    document.documentElement.lang = language
  }
}

export const tongue = new Tongue()
document.documentElement.lang = tongue.language

/** The texts of the page's language that all screens share: `t().nav.home`. */
export const t = (): Messages => tongue.texts

/** The texts of one screen, which come with it: `const w = texts({ en, de })` with `de: typeof en`, then `w().title`. */
export function texts<M>(of: Record<Language, M>): () => M {
  return () => of[tongue.language]
}

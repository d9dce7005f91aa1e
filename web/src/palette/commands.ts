// What the palette offers: every screen and page, what can be done from anywhere, and the newest recordings.
import type { RecordingCard } from "../api/schema"
import { ago } from "../i18n/format"
import { de } from "../i18n/de"
import { en } from "../i18n/en"
import { LANGUAGES, t, tongue, type Language } from "../i18n/index.svelte"
import type { Place } from "../screens"
import { pages } from "../screens/settings/pages"
import { router } from "../state/router.svelte"
import { session } from "../state/session.svelte"
import { look, THEMES } from "../state/theme.svelte"
import type { Command } from "./match"

/** Commands for whoever is there; `upload` lets files be chosen. */
export function commands(places: readonly Place[], recordings: readonly RecordingCard[], upload: () => void): Command[] {
  const { palette, nav, settings, theme, login } = t()
  const go = places.map(({ path, nav: where }): Command => {
    const name = where?.name ?? "home"
    return { id: path, group: "go", text: nav[name], words: `${en.nav[name]} ${de.nav[name]}`, run: () => router.go(path) }
  })
  const inside = pages().map((page): Command => ({
    id: `/settings/${page}`, group: "go", inside: true, text: `${nav.settings}: ${settings[page]}`, words: `${en.settings[page]} ${de.settings[page]}`, run: () => router.go(`/settings/${page}`),
  }))
  const act: Command[] = [
    ...THEMES.map((name): Command => ({ id: `theme ${name}`, group: "do", text: palette.look(theme[name]), words: `${en.theme[name]} ${de.theme[name]}`, run: () => look.choose(name) })),
    ...Object.entries(LANGUAGES).map(([code, text]): Command => ({ id: `language ${code}`, group: "do", text: palette.speak(text), words: "language sprache", run: () => tongue.choose(code as Language) })),
  ]
  if (session.may("transcribe")) {
    act.unshift({ id: "upload", group: "do", text: palette.upload, words: `${en.palette.upload} ${de.palette.upload}`, run: upload })
  }
  if (session.me?.way === "login") {
    act.push({ id: "logout", group: "do", text: login.logout, words: `${en.login.logout} sign out ${de.login.logout}`, run: () => void session.logout() })
  }
  const recent = recordings.map((one): Command => ({
    id: one.id, group: "recent", text: one.title || palette.untitled, hint: ago(one.began_s), run: () => router.go(`/t/${one.id}`),
  }))
  return [...go, ...inside, ...act, ...recent]
}

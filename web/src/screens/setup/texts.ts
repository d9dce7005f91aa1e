import { texts } from "../../i18n/index.svelte"

const en = {
  title: "Welcome to Earwitness",
  lead: "Make the first account. It may do everything here, and makes the others.",
  name: "Your name",
  password: "A password",
  hint: "12 characters at least. A sentence is good.",
  code: "Setup code",
  codeHint: "It stands in the server's log, as setup_code. Where EARWITNESS_API_KEY is set, give that.",
  go: "Make the account",
}

const de: typeof en = {
  title: "Willkommen bei Earwitness",
  lead: "Lege das erste Konto an. Es darf hier alles, und legt die anderen an.",
  name: "Dein Name",
  password: "Ein Passwort",
  hint: "Mindestens 12 Zeichen. Ein Satz ist gut.",
  code: "Einrichtungscode",
  codeHint: "Er steht als setup_code im Protokoll des Servers. Wo EARWITNESS_API_KEY gesetzt ist, gib den Schlüssel an.",
  go: "Konto anlegen",
}

export const w = texts({ en, de })

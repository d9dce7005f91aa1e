import { texts } from "../../i18n/index.svelte"

const en = {
  title: "Home",
  welcome: "What shall be written down?",
  lead: "Speech becomes text with speakers and times, which can be searched, heard again and corrected. All of it stays on this server.",
  record: "Record",
  recordLead: "A microphone, a browser tab or both. The text appears as people speak.",
  files: "Choose files",
  filesLead: "Any sound or video, or drop it anywhere in this window.",
  sample: "Try the sample",
  sampleLead: "Two people talk for half a minute. Ready in a moment.",
  work: "In work",
  more: (n: number) => `and ${n} more`,
  newest: "Newest recordings",
  all: "All recordings",
  allJobs: "All jobs",
  states: { open: "Live", waiting: "Waiting", whole: "", part: "Incomplete", failed: "Failed" },
  partHint: "It ended before its end: work was stopped, or the connection was lost for good.",
  watch: "Watch the captions",
  untitled: "Untitled",
  others: (n: number) => `+${n}`,
  nobody: "Your account may not see recordings.",
}

const de: typeof en = {
  title: "Start",
  welcome: "Was soll aufgeschrieben werden?",
  lead: "Aus Sprache wird Text mit Sprechern und Zeiten, den man durchsuchen, nachhören und verbessern kann. Alles bleibt auf diesem Server.",
  record: "Aufnehmen",
  recordLead: "Ein Mikrofon, ein Browser-Tab oder beides. Der Text erscheint, während gesprochen wird.",
  files: "Dateien wählen",
  filesLead: "Ton oder Video jeder Art, oder irgendwo in dieses Fenster ziehen.",
  sample: "Beispiel probieren",
  sampleLead: "Zwei Menschen sprechen eine halbe Minute. Gleich fertig.",
  work: "In Arbeit",
  more: (n) => `und ${n} weitere`,
  newest: "Neueste Aufnahmen",
  all: "Alle Aufnahmen",
  allJobs: "Alle Aufträge",
  states: { open: "Live", waiting: "Wartet", whole: "", part: "Unvollständig", failed: "Gescheitert" },
  partHint: "Sie endete vor ihrem Ende: die Arbeit wurde angehalten, oder die Verbindung brach endgültig ab.",
  watch: "Untertitel ansehen",
  untitled: "Ohne Titel",
  others: (n) => `+${n}`,
  nobody: "Dein Konto darf keine Aufnahmen sehen.",
}

export const w = texts({ en, de })

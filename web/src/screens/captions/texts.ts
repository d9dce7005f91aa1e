import { texts } from "../../i18n/index.svelte"

const en = {
  title: "Captions",
  of: (title: string) => `Captions of ${title}`,
  waiting: "Waits for somebody to speak.",
  none: "Nothing is being recorded just now. Captions appear here as soon as something is.",
  over: "The recording has ended.",
  smaller: "Smaller",
  larger: "Larger",
  lines: "Lines",
  full: "As many as fit",
  look: "Colours",
  looks: { dark: "White on black", light: "Black on white", yellow: "Yellow on black" },
  speakers: "Speakers",
  screen: "Full screen",
  back: "To the transcript",
  copy: "Copy the address for OBS",
  copied: "Copied. Add it to OBS as a browser source: its background is transparent.",
  speaker: (n: string) => `Speaker ${n}`,
}

const de: typeof en = {
  title: "Untertitel",
  of: (title) => `Untertitel von ${title}`,
  waiting: "Wartet, bis jemand spricht.",
  none: "Gerade wird nichts aufgenommen. Untertitel erscheinen hier, sobald es so weit ist.",
  over: "Die Aufnahme ist zu Ende.",
  smaller: "Kleiner",
  larger: "Größer",
  lines: "Zeilen",
  full: "So viele wie passen",
  look: "Farben",
  looks: { dark: "Weiß auf Schwarz", light: "Schwarz auf Weiß", yellow: "Gelb auf Schwarz" },
  speakers: "Sprecher",
  screen: "Ganzer Bildschirm",
  back: "Zum Transkript",
  copy: "Adresse für OBS kopieren",
  copied: "Kopiert. Füge sie in OBS als Browserquelle hinzu: ihr Hintergrund ist durchsichtig.",
  speaker: (n) => `Sprecher ${n}`,
}

export const w = texts({ en, de })

// The recording of this page: sound, its talk with the server, and what was said. It goes on while other screens are shown.
import { api, at, Failure } from "../../api/client"
import { recording } from "../../state/recording.svelte"
import { noted, type Part } from "./marks"
import { Said } from "./said.svelte"
import { loudness, NoSound, RATE, Sound, type From } from "./sound"
import { Talk, type Place, type Standing } from "./talk"
import type { Hello } from "./told"
import { awake } from "./wake"

/** What a reload leaves: with that, the page goes on. */
export interface Interrupted extends Place {
  from: From
  device: string
  hello: Hello
  marks: { at_s: number; text: string }[]
}

const KEPT = "earwitness.recording"

/** In the tab's own memory: another tab is not to go on with it. */
const tab = {
  get(): Interrupted | null {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as Interrupted | null
    } catch {
      return null
    }
  },
  set(what: Interrupted | null): void {
    try {
      if (what) sessionStorage.setItem(KEPT, JSON.stringify(what))
      else sessionStorage.removeItem(KEPT)
    } catch {
      // a browser that keeps nothing can't go on after a reload
    }
  },
}

/** Held by the page that records a session: a tab that is a copy of it is not to go on with that. */
const lock = (session: string): string => `earwitness recording ${session}`

class Recorder {
  standing = $state<Standing | "idle">("idle")
  /** What the server says of why it is broken or failed. */
  why = $state("")
  said = $state.raw(new Said())
  /** Seconds that were heard, and of these how many are not safe yet. */
  heard_s = $state(0)
  unsafe_s = $state(0)
  lost_s = $state(0)
  loud = $state(0)
  /** How far the text is behind the sound. */
  lag_s = $state<number | null>(null)
  paused = $state(false)
  /** The microphone was unplugged, or the tab is shared no longer. */
  gone = $state(false)
  /** Ids of the recordings that it becomes; more than one where the server was away for too long. */
  recordings = $state.raw<readonly string[]>([])
  /** Why marks could not be kept in the archive. */
  unkept = $state.raw<Failure | null>(null)
  interrupted = $state.raw<Interrupted | null>(null)
  /** Where the sound comes from. */
  from = $state<From>("microphone")
  /** Somebody has stopped it: what is left is only still told. */
  ending = $state(false)
  readonly on = $derived(this.standing !== "idle" && this.standing !== "over" && this.standing !== "failed")
  private sound: Sound | null = null
  private talk: Talk | null = null
  private parts: readonly Part[] = []
  private readonly noted = new Set<string>()
  private begun: Omit<Interrupted, keyof Place> | null = null
  private session = ""
  private rate = RATE
  private sleep: () => void = () => undefined
  private unlock: () => void = () => undefined

  constructor() {
    void this.look()
    addEventListener("beforeunload", (event) => this.on && event.preventDefault())
    addEventListener("online", () => this.talk?.now())
  }

  /** What was interrupted here, unless the page that records it is there still. */
  private async look(): Promise<void> {
    const before = tab.get()
    if (!before) return
    const held = (await navigator.locks?.query())?.held ?? []
    if (this.standing !== "idle") return
    if (held.some(({ name }) => name === lock(before.session))) tab.set(null)
    else this.interrupted = before
  }

  private hold(): void {
    this.unlock()
    const { session } = this
    void navigator.locks?.request(lock(session), () => new Promise<void>((resolve) => (this.unlock = resolve)))
  }

  /** Begin to record. Throws `NoSound`. */
  async begin(from: From, device: string, hello: Hello): Promise<void> {
    await this.hearing(from, device)
    this.started({ from, device, hello, marks: [] })
  }

  /** Go on with what a reload has interrupted, or `end` it. Throws `NoSound`. */
  async goOn(end = false): Promise<void> {
    const before = this.interrupted
    if (!before) return
    if (!end) await this.hearing(before.from, before.device)
    this.started(before, before.session)
    for (const { at_s, text } of before.marks) this.said.mark(at_s, text)
    if (end) this.stop()
  }

  pause(): void {
    if (!this.on || this.paused) return
    this.paused = true
    this.loud = 0
    this.sound?.rest(true)
    this.talk?.rest()
  }

  /** Hear again, also where the source was gone. Throws `NoSound`. */
  async resume(): Promise<void> {
    if (this.gone && this.begun) await this.hearing(this.begun.from, this.begun.device)
    this.sound?.rest(false)
    this.gone = this.paused = false
  }

  stop(): void {
    this.unheard()
    this.paused = this.gone = false
    this.ending = true
    if (this.standing === "connecting" || this.standing === "on") this.standing = "finishing"
    this.talk?.end()
  }

  /** Let go of what could not be told: it is safe on the server as far as it got there. */
  leave(): void {
    this.unheard()
    this.talk?.drop()
    this.stood("over")
  }

  /** As before the first recording. */
  clear(): void {
    if (this.on) return
    Object.assign(this, { standing: "idle", why: "", heard_s: 0, unsafe_s: 0, lost_s: 0, lag_s: null, recordings: [], unkept: null, parts: [] })
    this.noted.clear()
    this.said = new Said()
  }

  /** Marks become notes of the recording in the archive. */
  async keepMarks(): Promise<void> {
    this.unkept = null
    try {
      for (const mark of this.said.marks) {
        if (this.noted.has(mark.key)) continue
        await noted(mark, this.parts)
        this.noted.add(mark.key)
      }
    } catch (error) {
      this.unkept = error instanceof Failure ? error : new Failure(String(error), "", 0)
    }
  }

  again(): void {
    this.talk?.now()
  }

  mark(): string {
    const key = this.said.mark(this.heard_s)
    this.keep()
    return key
  }

  write(key: string, text: string | null): void {
    this.said.write(key, text)
    this.keep()
  }

  private async hearing(from: From, device: string): Promise<void> {
    const sound = await Sound.open(from, device, (samples) => this.heard(samples), () => this.vanished())
    this.sound?.close()
    if (this.talk && this.on && sound.rate !== this.rate) {
      sound.close()
      throw new NoSound("broken")
    }
    this.sound = sound
    this.rate = sound.rate
  }

  private started(begun: Omit<Interrupted, keyof Place>, session?: string): void {
    this.clear()
    this.begun = begun
    this.from = begun.from
    this.interrupted = null
    this.ending = false
    this.stood("connecting")
    recording.on = true
    this.sleep = awake()
    const address = at("/ws").replace(/^http/, "ws")
    this.talk = new Talk({
      hello: begun.hello,
      rate: this.rate,
      ...(session && { session }),
      open: () => new WebSocket(address, ["earwitness"]),
      tell: (told, base_s) => {
        this.said.told(told, base_s)
        const { recording } = told.type === "welcome" ? told : { recording: null }
        if (recording && !this.parts.some((part) => part.recording === recording)) this.parts = [...this.parts, { recording, base_s }]
        if (told.type === "final") this.lag_s = this.now_s - base_s - told.segment.end_s
        if (told.type === "partial") this.lag_s = this.now_s - base_s - told.end_s
      },
      stand: (standing, why) => this.stood(standing, why),
      placed: (place) => {
        if (this.session !== place.session) {
          this.session = place.session
          this.hold()
        }
        if (place.recording && !this.recordings.includes(place.recording)) this.recordings = [...this.recordings, place.recording]
        this.keep()
      },
      // one's login may have ended: then it is asked for, above what is shown
      refused: () => void api.GET("/api/me").catch(() => undefined),
    })
  }

  private get now_s(): number {
    return (this.talk?.heard ?? 0) / this.rate
  }

  private heard(samples: Int16Array<ArrayBuffer>): void {
    if (this.paused || !this.talk || !this.on) return
    this.talk.hear(samples)
    this.loud = loudness(samples)
    this.heard_s = this.now_s
    this.unsafe_s = (this.talk.heard - this.talk.safe) / this.rate
    this.lost_s = this.talk.lost_s
  }

  private vanished(): void {
    if (!this.on || this.standing === "finishing") return
    this.pause()
    this.gone = true
  }

  private stood(standing: Standing, why = ""): void {
    this.standing = standing
    if (why || standing !== "broken") this.why = why
    if (this.on) return
    this.unheard()
    this.sleep()
    this.unlock()
    this.session = ""
    recording.on = false
    tab.set(null)
    void this.keepMarks()
  }

  private unheard(): void {
    this.sound?.close()
    this.sound = null
    this.loud = 0
  }

  private keep(): void {
    if (!this.begun || !this.session || !this.on) return
    const marks = this.said.marks.map(({ at_s, text }) => ({ at_s, text }))
    tab.set({ ...this.begun, marks, session: this.session, recording: this.recordings.at(-1) ?? null })
  }
}

export const recorder = new Recorder()

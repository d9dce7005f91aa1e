// A few seconds of a recording, heard where they were found. One thing is heard at a time.
import { api, at, call, data, Failure } from "../api/client"

/** `none`: no sound of it is kept; else what the server says, or "" where the browser can't play it. */
export type Silence = { key: string; why: "none" } | { key: string; why: "failed"; message: string }

interface Sounding {
  open: boolean
  stretches: readonly (readonly [number, number])[]
}

class Clip {
  /** What is heard, by the key of whoever wanted it. */
  key = $state<string | null>(null)
  playing = $state(false)
  /** How far it is, from 0 to 1. */
  share = $state(0)
  silence = $state.raw<Silence | null>(null)
  private media: HTMLAudioElement | null = null
  private length = 1
  private readonly known = new Map<string, Promise<Sounding>>()

  /** Hear a stretch, or stop where it is the one that is heard. */
  async toggle(key: string, recording: string, from_s: number, seconds = 10): Promise<void> {
    if (this.key === key && this.playing) return this.stop()
    this.stop()
    this.key = key
    this.silence = null
    this.share = 0
    this.playing = true
    const from = Math.max(0, from_s)
    try {
      // Asked first: a browser says of a clip that is not there only that it broke.
      const { open, stretches } = await this.sounds(recording)
      if (this.key !== key || !this.playing) return
      if (!open && !stretches.some(([start, end]) => start < from + seconds && from < end)) return this.silent({ key, why: "none" })
    } catch (error) {
      this.known.delete(recording)
      if (this.key === key) this.silent({ key, why: "failed", message: error instanceof Failure ? error.message : String(error) })
      return
    }
    this.length = seconds
    const media = (this.media ??= this.made())
    media.src = at(`/api/recordings/${encodeURIComponent(recording)}/clip?from_s=${from}&to_s=${from + seconds}`)
    media.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.stop()
    })
  }

  /** There is nothing to be heard for a key. */
  refuse(key: string, message?: string): void {
    this.silent(message === undefined ? { key, why: "none" } : { key, why: "failed", message })
  }

  stop(): void {
    this.playing = false
    this.key = null
    this.media?.pause()
  }

  private silent(silence: Silence): void {
    this.silence = silence
    this.stop()
  }

  private made(): HTMLAudioElement {
    const media = new Audio()
    media.addEventListener("timeupdate", () => (this.share = Math.min(1, media.currentTime / (Number.isFinite(media.duration) ? media.duration : this.length))))
    media.addEventListener("ended", () => this.stop())
    media.addEventListener("error", () => void this.broke(media.src))
    return media
  }

  private async broke(address: string): Promise<void> {
    const { key } = this
    if (key === null) return
    let message = ""
    try {
      await call(address.slice(at("").length), { headers: { range: "bytes=0-0" } })
    } catch (error) {
      message = error instanceof Error ? error.message : ""
    }
    if (this.key === key) this.silent({ key, why: "failed", message })
  }

  private sounds(recording: string): Promise<Sounding> {
    let found = this.known.get(recording)
    if (!found) {
      found = data(api.GET("/api/recordings/{ident}", { params: { path: { ident: recording } } })).then(({ state, files }) => ({
        open: state === "open",
        stretches: files.flatMap(({ kind, start_s, end_s }) => (kind === "audio" || kind === "upload" ? [[start_s, end_s ?? Infinity] as const] : [])),
      }))
      this.known.set(recording, found)
      void found.then(({ open }) => open && this.known.delete(recording), () => this.known.delete(recording))
    }
    return found
  }
}

export const clip = new Clip()

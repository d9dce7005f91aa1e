// The sound of a recording as one, whatever files it lies in: where it is, how fast it goes, what is left out.
import { at, call } from "../../../api/client"
import type { FileCard } from "../../../api/schema"
import { kept } from "../../../state/kept"

export const SLOWEST = 0.5
export const FASTEST = 3
const STEP = 0.25
/** The next file is fetched when so much is left of one. */
const AHEAD_S = 8
/** The beginning of a file, and not the end of the one before it, whatever was rounded. */
const INSIDE_S = 0.001

export class Player {
  playing = $state(false)
  /** Where it is, to a tenth of a second. */
  time = $state(0)
  rate = $state(rateOf(kept.get("player.rate")))
  skips = $state(kept.get("player.skips") === "yes")
  pieces = $state.raw<FileCard[]>([])
  duration = $state(0)
  /** Why there is nothing to be heard: what the server says, or "" where the browser can't play it. */
  failure = $state<string | null>(null)
  readonly there = $derived(this.pieces.length > 0)
  /** Called for each frame while it plays, and once for each place that is gone to. */
  readonly frames = new Set<(at_s: number) => void>()
  /** Where to go on from a time at which nobody speaks, or null. */
  silence: (at_s: number) => number | null = () => null
  private media: HTMLAudioElement | null = null
  private spare: HTMLAudioElement | null = null
  private piece: FileCard | null = null
  private wanted_s: number | null = 0
  private until_s: number | null = null
  private frame = 0

  constructor(private readonly recording: string) {}

  /** The files that hold the sound, in order. */
  files(files: readonly FileCard[], duration: number): void {
    this.pieces = files.filter(({ kind }) => kind === "audio" || kind === "upload")
    this.duration = Math.max(duration, this.pieces.at(-1)?.end_s ?? 0)
  }

  /** Where it is, exactly. */
  now(): number {
    if (this.wanted_s !== null || !this.media || !this.piece) return this.wanted_s ?? 0
    return this.piece.start_s + this.media.currentTime
  }

  toggle(): void {
    if (this.playing) this.pause()
    else this.play()
  }

  /** Play from here or from a place, to the end or to a place. */
  play(from_s?: number, until_s: number | null = null): void {
    if (!this.there) return
    this.until_s = until_s
    const begin = from_s ?? this.now()
    this.playing = true
    this.go(begin >= this.duration - 0.05 && from_s === undefined ? 0 : begin)
  }

  pause(): void {
    this.playing = false
    this.media?.pause()
    cancelAnimationFrame(this.frame)
    this.tell()
  }

  /** Go to a place; whether it plays stays as it is. */
  seek(to_s: number): void {
    this.until_s = null
    this.go(to_s)
  }

  faster(by: 1 | -1): void {
    this.pace(Math.round((this.rate + by * STEP) / STEP) * STEP)
  }

  pace(rate: number): void {
    this.rate = Math.min(FASTEST, Math.max(SLOWEST, rate))
    kept.set("player.rate", String(this.rate))
    if (this.media) this.media.playbackRate = this.media.defaultPlaybackRate = this.rate
  }

  skipping(skips: boolean): void {
    this.skips = skips
    kept.set("player.skips", skips ? "yes" : null)
  }

  close(): void {
    this.pause()
    for (const media of [this.media, this.spare]) media?.removeAttribute("src")
    this.media = this.spare = null
  }

  private go(to_s: number): void {
    const place = Math.min(Math.max(0, to_s), this.duration)
    const piece = this.pieces.find(({ end_s }) => end_s === null || place < end_s)
    this.wanted_s = piece ? Math.max(place, piece.start_s) : place
    if (piece && piece !== this.piece) this.take(piece)
    else if (!piece) this.media?.pause()
    this.arrive()
    if (this.playing && piece) this.start()
    else if (this.playing) this.playing = false
    this.tell()
  }

  /** Let a file be the one that is heard. */
  private take(piece: FileCard): void {
    this.media?.pause()
    const address = this.address(piece)
    const ready = this.spare?.src === address
    ;[this.media, this.spare] = [this.spare ?? this.made(), this.media]
    if (!ready) this.media.src = address
    this.piece = piece
  }

  private made(): HTMLAudioElement {
    const media = new Audio()
    media.preload = "auto"
    const mine = (does: () => void) => () => media === this.media && does()
    // What was told stays until it is known to be otherwise: nothing moves between two clicks.
    media.addEventListener("loadedmetadata", mine(() => ((this.failure = null), this.arrive())))
    media.addEventListener("timeupdate", mine(() => this.step()))
    media.addEventListener("ended", mine(() => this.ended()))
    media.addEventListener("error", mine(() => void this.broke()))
    return media
  }

  private address(piece: FileCard): string {
    return at(`/api/recordings/${encodeURIComponent(this.recording)}/audio?at=${piece.start_s + INSIDE_S}`)
  }

  /** Once the file is known, go where it was wanted. */
  private arrive(): void {
    const { media, piece } = this
    if (!media || !piece || this.wanted_s === null || media.readyState < HTMLMediaElement.HAVE_METADATA) return
    media.currentTime = this.wanted_s - piece.start_s
    this.wanted_s = null
  }

  private start(): void {
    if (!this.media) return
    this.media.playbackRate = this.media.defaultPlaybackRate = this.rate
    this.media.play().catch((error: unknown) => {
      // A pause or another file came before the sound did; a browser that wants a click first gets it.
      if (error instanceof DOMException && error.name === "NotAllowedError") this.pause()
    })
    cancelAnimationFrame(this.frame)
    this.frame = requestAnimationFrame(() => this.each())
  }

  private each(): void {
    this.step()
    if (this.playing) this.frame = requestAnimationFrame(() => this.each())
  }

  private step(): void {
    this.tell()
    if (!this.playing || this.wanted_s !== null) return
    const here = this.now()
    if (this.until_s !== null && here >= this.until_s) return this.pause()
    const next = this.skips && this.until_s === null ? this.silence(here) : null
    if (next !== null) this.go(next)
    else this.ahead(here)
  }

  private ahead(here: number): void {
    const { piece } = this
    if (!piece || piece.end_s === null || piece.end_s - here > AHEAD_S) return
    const next = this.after(piece)
    if (!next) return
    this.spare ??= this.made()
    const address = this.address(next)
    if (this.spare.src !== address) this.spare.src = address
  }

  private after(piece: FileCard): FileCard | undefined {
    return this.pieces[this.pieces.indexOf(piece) + 1]
  }

  private ended(): void {
    const next = this.piece && this.after(this.piece)
    if (next && this.playing) this.go(next.start_s)
    else this.pause()
  }

  private async broke(): Promise<void> {
    const { piece } = this
    this.pause()
    try {
      await call(`/api/recordings/${encodeURIComponent(this.recording)}/audio?at=${(piece?.start_s ?? 0) + INSIDE_S}`, { headers: { range: "bytes=0-0" } })
      this.failure = ""
    } catch (error) {
      this.failure = error instanceof Error ? error.message : ""
    }
    this.wanted_s = this.time
    this.piece = null // tried anew when it is wanted again
  }

  private tell(): void {
    const here = this.now()
    this.time = Math.round(here * 10) / 10
    for (const tell of this.frames) tell(here)
  }
}

function rateOf(found: string | null): number {
  const rate = Number(found ?? 1)
  return rate >= SLOWEST && rate <= FASTEST ? rate : 1
}

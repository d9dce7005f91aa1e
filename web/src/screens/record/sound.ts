// What is heard: a microphone, the sound of a browser tab, or both mixed, as pieces of 16 kHz.
import worklet from "./pieces.js?url"

export type From = "microphone" | "tab" | "both"

export const RATE = 16_000

/** Why there is no sound; each has its advice in the texts. */
export type Trouble = "insecure" | "denied" | "none" | "busy" | "unshared" | "silent" | "unsupported" | "broken"

export class NoSound extends Error {
  constructor(
    readonly trouble: Trouble,
    message = "",
  ) {
    super(message)
  }
}

/** Why a source can't be had at all in this browser, or null. */
export function missing(from: From): Trouble | null {
  if (!window.isSecureContext || !navigator.mediaDevices) return "insecure"
  if (from !== "tab" && !navigator.mediaDevices.getUserMedia) return "unsupported"
  if (from !== "microphone" && !navigator.mediaDevices.getDisplayMedia) return "unsupported"
  return typeof AudioWorkletNode === "undefined" ? "unsupported" : null
}

/** What the browser's refusal means. */
export function meaning(error: unknown, of: "microphone" | "tab"): NoSound {
  const { name = "", message = String(error) } = (error ?? {}) as Partial<Error>
  const known: Record<string, Trouble> = {
    NotAllowedError: of === "tab" ? "unshared" : "denied",
    SecurityError: "denied",
    NotFoundError: "none",
    OverconstrainedError: "none",
    NotReadableError: "busy",
    AbortError: of === "tab" ? "unshared" : "busy",
    NotSupportedError: "unsupported",
    TypeError: "insecure",
  }
  return new NoSound(known[name] ?? "broken", message)
}

async function microphone(device: string, beside: boolean): Promise<MediaStream> {
  const wanted = { echoCancellation: beside, noiseSuppression: false, autoGainControl: true, channelCount: 1 }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { ...wanted, ...(device && { deviceId: { ideal: device } }) } })
  } catch (error) {
    throw meaning(error, "microphone")
  }
}

async function tab(): Promise<MediaStream> {
  let stream: MediaStream
  try {
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, suppressLocalAudioPlayback: false }
    stream = await navigator.mediaDevices.getDisplayMedia({ video: true, audio })
  } catch (error) {
    throw meaning(error, "tab")
  }
  if (stream.getAudioTracks().length) return stream
  stop(stream)
  throw new NoSound("silent")
}

const stop = (stream: MediaStream): void => stream.getTracks().forEach((track) => track.stop())

/** Sound that is being heard. */
export class Sound {
  private constructor(
    private readonly context: AudioContext,
    private readonly streams: MediaStream[],
    readonly rate: number,
  ) {}

  /** Begin to hear. `gone` is told when nothing is heard any more: all was unplugged, or is shared no longer. Throws `NoSound`. */
  static async open(from: From, device: string, piece: (samples: Int16Array<ArrayBuffer>) => void, gone: () => void): Promise<Sound> {
    const trouble = missing(from)
    if (trouble) throw new NoSound(trouble)
    const streams: MediaStream[] = []
    try {
      if (from !== "microphone") streams.push(await tab()) // asked for first: it wants a click that is fresh
      if (from !== "tab") streams.push(await microphone(device, from === "both"))
      const context = await mixed(streams, piece)
      for (const stream of streams) {
        for (const track of stream.getAudioTracks()) {
          track.addEventListener("ended", () => {
            if (context.state !== "closed" && streams.every((one) => one.getAudioTracks().every((t) => t.readyState === "ended"))) gone()
          })
        }
      }
      return new Sound(context, streams, context.sampleRate)
    } catch (error) {
      streams.forEach(stop)
      throw error instanceof NoSound ? error : meaning(error, "microphone")
    }
  }

  /** Hear nothing for a while: browsers show that the microphone is off. */
  rest(quiet: boolean): void {
    for (const stream of this.streams) for (const track of stream.getAudioTracks()) track.enabled = !quiet
  }

  close(): void {
    const { context } = this
    this.streams.forEach(stop)
    if (context.state !== "closed") void context.close()
  }
}

async function mixed(streams: MediaStream[], piece: (samples: Int16Array<ArrayBuffer>) => void): Promise<AudioContext> {
  try {
    return await connected(new AudioContext({ sampleRate: RATE }), streams, piece)
  } catch {
    return connected(new AudioContext(), streams, piece) // Firefox mixes nothing of another rate: the server takes any
  }
}

async function connected(context: AudioContext, streams: MediaStream[], piece: (samples: Int16Array<ArrayBuffer>) => void): Promise<AudioContext> {
  try {
    await context.audioWorklet.addModule(worklet)
    const node = new AudioWorkletNode(context, "pieces", { numberOfOutputs: 0 })
    node.port.onmessage = ({ data }: MessageEvent<Int16Array<ArrayBuffer>>) => piece(data)
    for (const stream of streams) context.createMediaStreamSource(new MediaStream(stream.getAudioTracks())).connect(node)
    await context.resume()
    return context
  } catch (error) {
    void context.close()
    throw error
  }
}

/** How loud a piece is, from 0 (60 dB below the loudest, or less) to 1. */
export function loudness(samples: Int16Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  const decibel = 10 * Math.log10(sum / samples.length / 32768 ** 2 || 1e-9)
  return Math.max(0, Math.min(1, (decibel + 60) / 60))
}

/** The microphones that there are, once their names may be told. */
export async function microphones(): Promise<[string, string][]> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? []
  return all.flatMap(({ kind, deviceId, label }) => (kind === "audioinput" && label && deviceId ? [[deviceId, label] as [string, string]] : []))
}

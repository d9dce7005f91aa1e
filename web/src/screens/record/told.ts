// What the server's socket tells, as far as this page heeds it (docs/live.md).

export interface Segment {
  start_s: number
  end_s: number
  text: string
  language: string | null
  speaker: string | null
}

export type Told =
  | { type: "welcome"; session: string; recording: string | null; position: number; over: boolean; seq: number }
  | { type: "ack"; position: number }
  | { type: "pong" }
  | { type: "partial"; seq: number; utterance: number; stable: string; draft: string; start_s: number; end_s: number }
  | { type: "final"; seq: number; id: number; utterance: number; segment: Segment }
  | { type: "revised"; seq: number; id: number; revision: number; what: string; segment: Segment }
  | { type: "settled"; seq: number; utterance: number; start_s: number; end_s: number; suppressed: { start_s: number; end_s: number; reason: string }[] }
  | { type: "named"; seq: number; speaker: { id: string; name: string | null } }
  | { type: "noted"; seq: number; notice: { code: string; message: string } }
  | { type: "gap"; seq: number; start_s: number; end_s: number; reason: string }
  | { type: "failed"; seq?: number; code: string; message: string; remedy: string; fatal: boolean; retry_after_s?: number }
  | { type: "ended"; seq: number; duration_s: number }
  | { type: "speech_started" | "speech_ended" | "spotted" | "flushed"; seq: number }

/** How a session is begun. */
export interface Hello {
  model?: string
  language?: string
  task?: "translate"
  speakers: boolean
  keep: boolean
  keep_audio: boolean
  title: string
}

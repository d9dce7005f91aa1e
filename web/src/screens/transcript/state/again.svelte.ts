// A recording, or a part of it, that is transcribed again: the job that does it, as it goes.
import { api, data, Failure } from "../../../api/client"
import { events } from "../../../api/events.svelte"
import type { JobTold } from "../../../api/schema"
import { session } from "../../../state/session.svelte"

export interface Wishes {
  model?: string
  language?: string
  words?: boolean
  speakers?: "auto" | "off"
}

export class Again {
  /** The last job that was given; null once what came of it was read. */
  job = $state.raw<JobTold | null>(null)

  constructor(private readonly recording: string) {}

  /** Hear of it for as long as the component is there; find what another page has begun. */
  listen(): void {
    if (session.may("transcribe")) void this.find()
    $effect(() => {
      const leave = [
        events.on("jobs", ({ kind, about }) => {
          if (about.id !== this.job?.id || !this.job) return
          if (kind === "progress") this.job = { ...this.job, done_s: Number(about.done_s), total_s: about.total_s as number | null }
          else void this.look()
        }),
        events.on("resync", () => void this.look()),
      ]
      return () => leave.forEach((go) => go())
    })
  }

  private async find(): Promise<void> {
    const query = { state: ["running", "waiting"] as ("running" | "waiting")[], limit: 50 }
    const found = await data(api.GET("/api/jobs", { params: { query } })).catch(() => null)
    this.job ??= found?.jobs.find((job) => job.kind === "again" && job.recording === this.recording) ?? null
  }

  /** Ask for it. Raises Failure. */
  async begin(from_s: number, to_s: number | null, wishes: Wishes): Promise<void> {
    const body = { from_s, ...(to_s === null ? {} : { to_s }), ...wishes }
    this.job = await data(api.POST("/api/recordings/{ident}/transcribe", { params: { path: { ident: this.recording } }, body }))
    await this.look() // it may have been over before it was heard of
  }

  async cancel(): Promise<void> {
    if (this.job) this.job = await data(api.DELETE("/api/jobs/{job}", { params: { path: { job: this.job.id } } }))
  }

  private async look(): Promise<void> {
    const { job } = this
    if (!job) return
    try {
      const now = await data(api.GET("/api/jobs/{job}", { params: { path: { job: job.id } } }))
      if (this.job?.id === now.id) this.job = now
    } catch (error) {
      if (error instanceof Failure && error.status === 404 && this.job?.id === job.id) this.job = null
    }
  }
}

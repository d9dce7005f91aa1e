// The models of the installation: what is told of them, and what may be done with them.
import { toast } from "svelte-sonner"

import { api, data } from "../../api/client"
import type { ErrandTold, Models, ModelTold, WayTold } from "../../api/schema"
import { bytes } from "../../i18n/format"
import { Load } from "../../state/load.svelte"
import { w } from "./texts"

const EACH_MS = 1000

export type Form = "base" | "ctranslate2" | "ggml" | "onnx" | "openvino" | "mlx"

/** The way that is used: the first, where there is one. */
export function best(model: ModelTold): WayTold | null {
  return model.ways[0] ?? null
}

/** Bytes on disk. */
export function size(model: ModelTold): number {
  return model.forms.reduce((sum, form) => sum + form.size, 0)
}

/** Names of languages as the page's language has them. */
export function spoken(codes: readonly string[], language: string): string {
  const names = new Intl.DisplayNames([language], { type: "language" })
  return codes.map((code) => names.of(code) ?? code).join(", ")
}

/** Whether it is not over. */
export function open(errand: ErrandTold): boolean {
  return errand.state === "waiting" || errand.state === "running"
}

export class Stock {
  readonly load = new Load<Models>(() => data(api.GET("/api/models"))).on("models")
  /** What is being done, by the name of the model. */
  busy = $state<Record<string, boolean>>({})
  private readonly lively = $derived(Boolean(this.load.value?.errands.some(open) || this.load.value?.models.some((model) => model.loading)))

  constructor() {
    $effect(() => {
      if (!this.lively) return
      const timer = setInterval(() => void this.load.again(), EACH_MS)
      return () => clearInterval(timer)
    })
  }

  pull = (name: string, to: Form | null): Promise<boolean> =>
    this.act(name, async () => {
      await api.POST("/api/models/pull", { body: { name, to, revision: "" } })
      toast.info(w().pulling(name))
    })

  bench = (name: string): Promise<boolean> =>
    this.act(name, async () => {
      await api.POST("/api/models/bench", { body: { name } })
      toast.info(w().benching(name), { description: w().calm })
    })

  /** Give a failed or stopped errand again. */
  repeat = (errand: ErrandTold): Promise<boolean> =>
    this.act(errand.name, async () => {
      await api.DELETE("/api/models/errands/{ident}", { params: { path: { ident: errand.id } } })
      if (errand.what === "bench") await api.POST("/api/models/bench", { body: { name: errand.name } })
      else await api.POST("/api/models/pull", { body: { name: errand.name, to: (errand.to || "base") as Form, revision: errand.revision } })
    })

  stop = (errand: ErrandTold): Promise<boolean> =>
    this.act(errand.name, async () => {
      await api.DELETE("/api/models/errands/{ident}", { params: { path: { ident: errand.id } } })
    })

  warm = (model: ModelTold): Promise<boolean> =>
    this.act(model.name, async () => {
      await api.GET("/models/{name}", { params: { path: { name: model.name } } })
      toast.success(w().loadedNow(model.name))
    })

  unload = (model: ModelTold): Promise<boolean> =>
    this.act(model.name, async () => {
      const { unloaded } = await data(api.POST("/api/models/unload", { body: { name: model.name } }))
      toast.success(unloaded ? w().unloaded(model.name) : w().notLoaded(model.name))
    })

  choose = (model: ModelTold): Promise<boolean> =>
    this.act(model.name, async () => {
      await api.PUT("/api/models/default", { body: { name: model.name } })
      toast.success(w().chosen(model.name))
    })

  remove = (model: ModelTold): Promise<boolean> =>
    this.act(model.name, async () => {
      const { freed } = await data(api.DELETE("/api/models/{name}", { params: { path: { name: model.name } } }))
      toast.success(w().removed(model.name, bytes(freed)))
    })

  /** Do something to a model; whether it went well. What is shown is fetched anew either way. */
  private async act(name: string, run: () => Promise<void>): Promise<boolean> {
    this.busy[name] = true
    let well = true
    try {
      await run()
    } catch (error) {
      well = false
      toast.error(error instanceof Error ? error.message : String(error), { duration: 10_000 })
    }
    await this.load.again()
    delete this.busy[name]
    return well
  }
}

// What is wanted of recordings: chosen once, remembered in this browser, sent with every job.
import { api, data } from "../../api/client"
import type { JobTold, ModelDetails, operations } from "../../api/schema"
import { kept } from "../../state/kept"
import { Load } from "../../state/load.svelte"

export interface Wishes {
  /** A model's name; empty is the installation's default. */
  model: string
  /** ISO 639-1; empty lets the model find out. */
  language: string
  /** `auto`, `off`, `channels`, or how many there are. */
  speakers: string
  words: boolean
  translate: boolean
  keep_audio: boolean
}

const FIRST: Wishes = { model: "", language: "", speakers: "auto", words: true, translate: false, keep_audio: true }

/** What was remembered, as far as it makes sense to this version. */
export function remembered(told: string | null): Wishes {
  let found: unknown = null
  try {
    found = JSON.parse(told ?? "null")
  } catch {
    // whoever wrote that, it is no choice
  }
  const wishes: Record<string, string | boolean> = { ...FIRST }
  for (const [name, value] of Object.entries(found ?? {})) {
    if (name in wishes && typeof value === typeof wishes[name]) wishes[name] = value as string | boolean
  }
  return wishes as unknown as Wishes
}

type Body = operations["add_api_jobs_post"]["requestBody"]["content"]["application/json"]

/** The fields of a job. */
export function fields({ model, language, speakers, ...rest }: Wishes): Body {
  const many = /^\d+$/.test(speakers)
  return {
    ...rest,
    speakers: speakers === "off" || speakers === "channels" ? speakers : "auto",
    ...(many && { num_speakers: Number(speakers) }),
    ...(model && { model }),
    ...(language && { language }),
  }
}

/** Make a job of an upload that has come, or of an address. */
export function ordered(where: { upload: string } | { url: string }, wishes: Wishes): Promise<JobTold> {
  return data(api.POST("/api/jobs", { body: { ...fields(wishes), ...where } }))
}

class Chosen {
  now = $state<Wishes>(remembered(kept.get("wishes")))

  set(change: Partial<Wishes>): void {
    Object.assign(this.now, change)
    kept.set("wishes", JSON.stringify(this.now))
  }
}

export const chosen = new Chosen()

/** The models that are here; call it while a component is made. */
export function models(): Load<ModelDetails> {
  return new Load(() => data(api.GET("/models"))).on("models")
}

/** The model that a name stands for; the default one for none, or for one that is not here any more. */
export function meant(list: ModelDetails | null, name: string): ModelDetails["models"][number] | undefined {
  const called = (wanted: string) => list?.models.find((m) => m.name === wanted || m.aliases.includes(wanted))
  return called(name) ?? called(list?.default ?? "")
}

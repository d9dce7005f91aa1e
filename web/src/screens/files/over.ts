// A job has ended while somebody looks: that is told, with the way to what came of it.
import { toast } from "svelte-sonner"

import type { JobTold } from "../../api/schema"
import { router } from "../../state/router.svelte"
import { w } from "./texts"

export function over({ state, name, recording }: JobTold): void {
  if (state === "failed") toast.error(w().failed(name))
  if (state !== "done" || !recording) return
  toast.success(w().done(name), { action: { label: w().open, onClick: () => router.go(`/t/${recording}`) } })
}

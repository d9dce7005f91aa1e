// A failure in a sentence for whoever looks at the page: in their language where it is one that every screen knows.
import { Failure } from "../api/client"
import { t } from "./index.svelte"

export function told(error: unknown): string {
  if (!(error instanceof Failure)) return error instanceof Error ? error.message : String(error)
  if (error.away) return t().failure.away
  if (error.status === 401) return t().failure.out
  if (error.status === 429) return t().failure.often(Math.max(1, Math.ceil(error.retryAfterS)))
  return error.message
}

// The pages of the settings, and which of them there are for whoever is there: what one may not see is not there.
import { session } from "../../state/session.svelte"

export const PAGES = ["profile", "devices", "keys", "hooks", "users", "grants", "retention", "privacy", "audit"] as const
export type Page = (typeof PAGES)[number]

export function pages(): Page[] {
  const user = session.me?.user ?? null
  const admin = session.may("admin")
  const there: Record<Page, boolean> = {
    profile: true,
    devices: user !== null,
    keys: user !== null || admin,
    hooks: session.may("alerts"),
    users: admin,
    grants: admin && user !== null,
    retention: true,
    privacy: true,
    audit: admin && user !== null,
  }
  return PAGES.filter((page) => there[page])
}

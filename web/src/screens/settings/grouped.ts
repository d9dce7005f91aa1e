// Grants as people think of them: the server has one for each verb, and each verb is for itself there.
import type { GrantCard, NewGrant } from "../../api/schema"

export type Verb = NewGrant["verb"]

/** What may be given: who hears a recording reads it too, and who corrects it does both. */
export const LEVELS = { view: ["view"], listen: ["view", "listen"], edit: ["view", "listen", "edit"] } as const satisfies Record<string, readonly Verb[]>
export type Level = keyof typeof LEVELS

export interface Granted {
  key: string
  user: string
  recording: string | null
  source: string | null
  /** The number of the grant, by verb. */
  verbs: Map<string, number>
}

/** All that one user may do with one thing, in the order in which it was first granted. */
export function grouped(grants: readonly GrantCard[]): Granted[] {
  const found = new Map<string, Granted>()
  for (const { id, user, recording, source, verb } of grants) {
    const key = `${user} ${recording ?? ""} ${source ?? ""}`
    const group = found.get(key) ?? { key, user, recording, source, verbs: new Map<string, number>() }
    group.verbs.set(verb, id)
    found.set(key, group)
  }
  return [...found.values()]
}

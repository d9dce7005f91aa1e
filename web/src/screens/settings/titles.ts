// What recordings are called, by their ids: null for one that is gone, or is not for whoever asks.
import { api, data, Failure } from "../../api/client"

const MOST = 100

export async function titles(ids: readonly (string | null)[], known: ReadonlyMap<string, string> = new Map()): Promise<Map<string, string | null>> {
  const wanted = [...new Set(ids.filter((id) => id !== null))]
  const found = new Map<string, string | null>()
  const asked = wanted.filter((id) => !known.has(id)).slice(0, MOST)
  for (const id of wanted) if (known.has(id)) found.set(id, known.get(id) ?? "")
  await Promise.all(
    asked.map(async (id) => {
      try {
        const card = await data(api.GET("/api/recordings/{ident}", { params: { path: { ident: id } } }))
        found.set(id, card.title)
      } catch (error) {
        if (!(error instanceof Failure) || error.status !== 404) throw error
        found.set(id, null)
      }
    }),
  )
  return found
}

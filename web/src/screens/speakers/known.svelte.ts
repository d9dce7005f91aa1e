// Who is known, how long they talk, and who unnamed speakers may be.
import { api, call, data } from "../../api/client"
import { events } from "../../api/events.svelte"
import type { PersonCard, SuggestedCard } from "../../api/schema"
import { Load } from "../../state/load.svelte"
import { session } from "../../state/session.svelte"

export type Suggestion = SuggestedCard & { name: string }

export interface Voice {
  /** A clip, and the speaker in it where there are several. */
  file?: File
  recording?: string
  speaker?: string
}

const SHOWN = 20

export class Known {
  readonly reads = session.may("archive:read")
  readonly may = session.may("people:write")
  readonly all = new Load(() => data(api.GET("/api/speakers"))).on("people")
  readonly talk = this.reads ? new Load(() => data(api.GET("/api/analytics/talk-time"))).on("recordings") : null
  private readonly asked = this.reads && session.may("archive:write") ? new Load(() => this.suggested()).on("recordings") : null
  /** Those that were answered just now, and whose answer is on its way. */
  private answered = $state.raw<ReadonlySet<string>>(new Set())

  readonly people = $derived(this.all.value?.people ?? [])
  readonly suggestions = $derived((this.asked?.value ?? []).filter((one) => !this.answered.has(key(one))))
  readonly talks = $derived(new Map((this.talk?.value?.speakers ?? []).flatMap((one) => (one.person ? [[one.person, one] as const] : []))))
  /** Models that the voices were learned with: somebody who lacks the newest one is not told in new recordings. */
  readonly newest = $derived(this.people.flatMap(({ voices }) => voices).sort((a, b) => b.created.localeCompare(a.created))[0]?.model ?? "")

  constructor() {
    $effect(() => events.on("people", () => void this.asked?.again()))
  }

  /** Learn a voice of somebody new, or of somebody who is known. Throws `Failure`. */
  async learn(voice: Voice, who: { name: string; another: boolean } | { id: string }): Promise<PersonCard> {
    const found = voice.file ? await this.ofFile(voice.file, voice.speaker ?? "", who) : await this.ofRecording(voice, who)
    await this.again()
    return found
  }

  async rename(id: string, name: string): Promise<void> {
    await api.PATCH("/api/speakers/{ident}", { params: { path: { ident: id } }, body: { name } })
    await this.again()
  }

  async merge(id: string, into: string): Promise<void> {
    await api.POST("/api/speakers/merge", { body: { id, into } })
    await this.again()
  }

  async split(id: string, voices: string[], name: string): Promise<void> {
    await api.POST("/api/speakers/split", { body: { id, voices, name } })
    await this.again()
  }

  /** Whether all bytes are gone already. */
  async forget(id: string): Promise<boolean> {
    const { erased } = await data(api.DELETE("/api/speakers/{ident}", { params: { path: { ident: id } } }))
    await this.again()
    return erased
  }

  /** A suggestion is right, or is not: it goes at once, and comes back where the server does not take the answer. */
  async answer(one: Suggestion, right: boolean): Promise<void> {
    this.answered = new Set([...this.answered, key(one)])
    try {
      const body = { speakers: { [one.speaker]: { person: right ? one.person : null } } }
      await api.PATCH("/api/recordings/{ident}", { params: { path: { ident: one.recording } }, body })
    } catch (error) {
      this.answered = new Set([...this.answered].filter((known) => known !== key(one)))
      throw error
    }
  }

  async again(): Promise<void> {
    await Promise.all([this.all.again(), this.talk?.again(), this.asked?.again()])
  }

  private async suggested(): Promise<Suggestion[]> {
    const [{ suggested }, { people }] = await Promise.all([
      data(api.GET("/api/speakers/suggested", { params: { query: { limit: SHOWN } } })),
      data(api.GET("/api/speakers")),
    ])
    return suggested.flatMap((one) => {
      const person = people.find(({ id }) => id === one.person)
      return person ? [{ ...one, name: person.name }] : []
    })
  }

  private async ofFile(file: File, speaker: string, who: { name: string; another: boolean } | { id: string }): Promise<PersonCard> {
    const form = new FormData()
    form.set("file", file)
    if (speaker) form.set("speaker", speaker)
    if ("id" in who) return (await (await call(`/api/speakers/${encodeURIComponent(who.id)}/voices`, { method: "POST", body: form })).json()) as PersonCard
    form.set("name", who.name)
    if (who.another) form.set("another", "true")
    return (await (await call("/api/speakers", { method: "POST", body: form })).json()) as PersonCard
  }

  private ofRecording({ recording = "", speaker = "" }: Voice, who: { name: string; another: boolean } | { id: string }): Promise<PersonCard> {
    return data(api.POST("/api/speakers/heard", { body: { recording, speaker, ...("id" in who ? { id: who.id, another: false } : { name: who.name, another: who.another }) } }))
  }
}

function key({ recording, speaker }: SuggestedCard): string {
  return `${recording} ${speaker}`
}

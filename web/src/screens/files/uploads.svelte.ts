// Files on their way to the server, which go on while other screens are shown, and become jobs when they have come.
// What a reload or a crash cut off is remembered: given the same file again, it goes on from where the server is.
import { Failure } from "../../api/client"
import type { JobTold } from "../../api/schema"
import { kept } from "../../state/kept"
import { giveUp, upload } from "./tus"
import { chosen, ordered, type Wishes } from "./wishes.svelte"

const AT_ONCE = 2
const KEPT = "uploads"

/** As long as the server waits for more, in ms. */
const FORGOTTEN_MS = 2 * 86_400_000

/** A page that works on an upload says so this often; one that has not for longer is gone. */
const ALIVE_MS = 5_000

/** An upload of an earlier visit. */
export interface Left {
  key: string
  /** The upload's id, where it had begun. */
  id: string | null
  name: string
  size: number
  modified: number
  sent: number
  wishes: Wishes
  /** When a page last worked on it; 0 once that was closed. */
  alive: number
  /** When it last was heard of. */
  touched: number
}

export type Stage = "waiting" | "sending" | "held" | "ordering" | "refused"

export class Sending {
  stage = $state<Stage>("waiting")
  sent = $state(0)
  why = $state.raw<Failure | null>(null)
  /** Seconds until all is sent, where that can be told. */
  readonly eta = $derived.by(() => {
    const [took, came] = [(Date.now() - this.since) / 1000, this.sent - this.from]
    return this.stage === "sending" && took > 1 && came > 0 ? ((this.file.size - this.sent) * took) / came : null
  })
  id: string | null = null
  control = new AbortController()
  private since = 0
  private from = 0

  constructor(
    readonly file: File,
    readonly wishes: Wishes,
    readonly key = `${Date.now()} ${Math.random()}`,
  ) {}

  begin(): void {
    this.stage = "sending"
    this.since = 0
  }

  reached(bytes: number): void {
    if (!this.since) [this.since, this.from] = [Date.now(), bytes]
    this.sent = bytes
  }
}

class Uploads {
  list = $state.raw<readonly Sending[]>([])
  left = $state.raw<readonly Left[]>([])
  private readonly ordered = new Set<(job: JobTold) => void>()

  constructor() {
    this.look()
    const alive = setInterval(() => this.remember(...this.list), ALIVE_MS)
    addEventListener("storage", () => this.look())
    addEventListener("beforeunload", (event) => this.open && event.preventDefault())
    addEventListener("pagehide", () => {
      clearInterval(alive)
      this.remember(...this.list)
      change((all) => all.map((one) => (this.mine(one) ? { ...one, alive: 0 } : one)))
    })
  }

  /** Be told of jobs that files have become. */
  on(tell: (job: JobTold) => void): () => void {
    this.ordered.add(tell)
    return () => this.ordered.delete(tell)
  }

  add(files: Iterable<File>): number {
    const made = Array.from(files, (file) => {
      const before = this.left.find((one) => same(one, file))
      const sending = new Sending(file, before?.wishes ?? { ...chosen.now }, before?.key)
      sending.id = before?.id ?? null
      sending.sent = before?.sent ?? 0
      return sending
    })
    this.list = [...this.list, ...made]
    this.remember(...made)
    this.look()
    this.next()
    return made.length
  }

  again(sending: Sending): void {
    sending.why = null
    sending.stage = "waiting"
    this.next()
  }

  cancel(sending: Sending): void {
    sending.control.abort()
    this.drop(sending)
    if (sending.id) void giveUp(sending.id)
  }

  /** Forget an upload of an earlier visit. */
  forget(left: Left): void {
    change((all) => all.filter(({ key }) => key !== left.key))
    this.look()
    if (left.id) void giveUp(left.id)
  }

  /** Whether a file is on its way: it would have to be given again once the page is closed. */
  get open(): boolean {
    return this.list.some(({ stage }) => stage !== "refused")
  }

  private next(): void {
    const busy = this.list.filter(({ stage }) => stage !== "waiting" && stage !== "refused").length
    const waiting = this.list.filter(({ stage }) => stage === "waiting")
    for (const sending of waiting.slice(0, Math.max(0, AT_ONCE - busy))) void this.run(sending)
  }

  private async run(sending: Sending): Promise<void> {
    sending.begin()
    try {
      sending.id = await upload(sending.file, {
        id: sending.id,
        signal: sending.control.signal,
        onbegun: (id) => {
          sending.id = id
          this.remember(sending)
        },
        onsent: (bytes) => sending.reached(bytes),
        onheld: (why) => {
          sending.why = why
          sending.stage = why ? "held" : "sending"
        },
      })
      sending.stage = "ordering"
      const job = await ordered({ upload: sending.id }, sending.wishes)
      this.drop(sending)
      for (const tell of this.ordered) tell(job)
    } catch (error) {
      if (sending.control.signal.aborted) return
      sending.why = error instanceof Failure ? error : new Failure(String(error), "", 0)
      sending.stage = "refused"
      this.remember(sending)
    } finally {
      this.next()
    }
  }

  private drop(sending: Sending): void {
    this.list = this.list.filter((one) => one !== sending)
    change((all) => all.filter(({ key }) => key !== sending.key))
    this.next()
  }

  private remember(...some: Sending[]): void {
    const now = { alive: Date.now(), touched: Date.now() }
    const told = some.map(({ key, id, file, sent, wishes }) => ({ key, id, name: file.name, size: file.size, modified: file.lastModified, sent, wishes, ...now }))
    if (told.length) change((all) => [...all.filter((one) => !told.some(({ key }) => key === one.key)), ...told])
  }

  private mine({ key }: Left): boolean {
    return this.list.some((one) => one.key === key)
  }

  /** What pages that are gone have left. */
  private look(): void {
    const now = Date.now()
    this.left = read().filter((one) => !this.mine(one) && now - one.alive > 3 * ALIVE_MS && now - one.touched < FORGOTTEN_MS)
  }
}

function same(left: Left, file: File): boolean {
  return left.name === file.name && left.size === file.size && left.modified === file.lastModified
}

function read(): Left[] {
  try {
    const found: unknown = JSON.parse(kept.get(KEPT) ?? "[]")
    return Array.isArray(found) ? (found as Left[]) : []
  } catch {
    return []
  }
}

/** Other tabs have uploads too: only one's own are touched. */
function change(by: (all: Left[]) => Left[]): void {
  const all = by(read())
  kept.set(KEPT, all.length ? JSON.stringify(all) : null)
}

export const uploads = new Uploads()

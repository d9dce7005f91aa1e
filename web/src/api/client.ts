// Calls to the server. Types come from its OpenAPI document (schema.d.ts, made by `npm run types`).
import createClient from "openapi-fetch"

import { shared } from "../state/shared"
import type { paths } from "./schema"

/** What went wrong, as the server says it, or as the browser does where there was no answer. */
export class Failure extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly status: number,
    readonly retryAfterS = 0,
  ) {
    super(message)
    this.name = "Failure"
  }

  /** Nobody answered: the server is away, or the network is. */
  get away(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 504
  }

  /** It may be otherwise in a moment. */
  get passing(): boolean {
    return this.away || this.status === 503 || this.status === 429
  }
}

/** OpenAI's doors put an object there, all others a sentence with the code beside it. */
type Told = { error?: string | { message?: string; code?: string | null }; code?: string | null }

/** The failure that an answer tells of. */
export async function failureOf(answer: Response): Promise<Failure> {
  const told = (await answer.json().catch(() => ({}))) as Told
  const retry = Number(answer.headers.get("retry-after") ?? 0)
  const { message, code } = typeof told.error === "string" ? { message: told.error, code: told.code } : (told.error ?? {})
  return new Failure(message || answer.statusText || `HTTP ${answer.status}`, code ?? "", answer.status, retry)
}

const listeners = new Set<() => void>()

/** Be told when a call is refused because nobody is logged in any more. */
export function onLoggedOut(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** `fetch` from the page's base, which throws a `Failure` for all but 2xx. */
export async function call(path: string, init?: RequestInit): Promise<Response> {
  return checked(new Request(at(path), init))
}

/** The address of a path of the server, which lies beside the page: the page is at `/app/`, below whatever a proxy adds. */
export function at(path: string): string {
  return new URL(`..${path}`, document.baseURI).href
}

async function checked(asked: Request): Promise<Response> {
  const request = shared ? new Request(asked, { credentials: "omit" }) : asked
  if (shared) request.headers.set("authorization", `Bearer ${shared}`)
  let answer: Response
  try {
    answer = await fetch(request)
  } catch (error) {
    if (request.signal.aborted) throw error
    throw new Failure("The server does not answer.", "away", 0)
  }
  if (answer.ok) return answer
  if (answer.status === 401) for (const tell of listeners) tell()
  throw await failureOf(answer)
}

/** The typed client: `await api.GET("/api/jobs", …)`; use `data(…)` for the answer itself. */
export const api = createClient<paths>({ baseUrl: at("/").replace(/\/$/, ""), fetch: checked })

/** The data of a call. Throws `Failure`. */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T
}

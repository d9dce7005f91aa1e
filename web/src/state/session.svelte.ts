// Who is at the page, and what they may do.
import { api, data, Failure, onLoggedOut } from "../api/client"
import { events } from "../api/events.svelte"
import type { Me } from "../api/schema"

type Standing = "asking" | "setup" | "out" | "in" | "away"

class Session {
  standing = $state<Standing>("asking")
  me = $state<Me | null>(null)
  /** The setup code is wanted: the page is not on the server's own machine. */
  code = $state(false)
  /** A login ended while the page was open: it is asked for above what is shown, which stays. */
  ended = $state(false)

  constructor() {
    onLoggedOut(() => {
      if (this.standing === "in") this.ended = true
    })
  }

  async begin(): Promise<void> {
    try {
      this.me = await data(api.GET("/api/me"))
      this.standing = "in"
    } catch (error) {
      if (!(error instanceof Failure) || error.status !== 401) this.standing = "away"
      else await this.outside()
    }
  }

  private async outside(): Promise<void> {
    try {
      const setup = await data(api.GET("/api/setup"))
      this.code = setup.code
      this.standing = setup.needed ? "setup" : "out"
    } catch {
      this.standing = "away"
    }
  }

  async login(name: string, password: string): Promise<void> {
    this.entered(await data(api.POST("/api/login", { body: { name, password } })))
  }

  async setUp(name: string, password: string, code: string): Promise<void> {
    // The installation's key will do for the code.
    const headers: Record<string, string> = /^[!-~]+$/.test(code) ? { "x-api-key": code } : {}
    this.entered(await data(api.POST("/api/setup", { body: { name, password, code }, headers })))
  }

  async logout(): Promise<void> {
    await api.POST("/api/logout")
    location.reload() // nothing of what was seen stays in the page
  }

  /** Ask anew who is there: name and role may be others. */
  async refresh(): Promise<void> {
    this.me = await data(api.GET("/api/me"))
  }

  /** Whether a scope is theirs; without accounts everybody at the machine has all. */
  may(scope: string): boolean {
    return this.me?.scopes.includes(scope) ?? false
  }

  private entered(me: Me): void {
    if (this.me?.user && me.user && this.me.user.id !== me.user.id) location.reload()
    const again = this.ended
    this.me = me
    this.standing = "in"
    this.ended = false
    if (again) events.missed() // what was refused meanwhile is asked for again
  }
}

export const session = new Session()

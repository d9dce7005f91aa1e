// Something that a person does and the server may refuse: whether it goes on just now, and what went wrong.
import { told } from "../i18n/told"

export class Action {
  busy = $state(false)
  wrong = $state("")

  /** Whether it was done. A second one is not begun before the first has ended. */
  async run(what: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false
    this.busy = true
    this.wrong = ""
    try {
      await what()
      return true
    } catch (error) {
      this.wrong = told(error)
      return false
    } finally {
      this.busy = false
    }
  }
}

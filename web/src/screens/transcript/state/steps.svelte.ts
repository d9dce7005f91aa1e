// What was done on this page, to be taken back and done again.

export interface Step {
  /** What it is called: "Undo: …". */
  name: string
  undo: () => Promise<void>
  redo: () => Promise<void>
}

const MOST = 500

export class Steps {
  done = $state.raw<readonly Step[]>([])
  undone = $state.raw<readonly Step[]>([])
  busy = $state(false)
  /** One after the other, however fast they are asked for. */
  private turn: Promise<unknown> = Promise.resolve()

  push(step: Step): void {
    this.done = [...this.done.slice(1 - MOST), step]
    this.undone = []
  }

  /** Take the last step back; what it is called, null where there is none. Raises what that raises, and then it stays. */
  undo(): Promise<string | null> {
    return this.then(async () => {
      const step = this.done.at(-1)
      if (!step) return null
      await step.undo()
      this.done = this.done.filter((one) => one !== step)
      this.undone = [...this.undone, step]
      return step.name
    })
  }

  /** Do the last step again that was taken back; likewise. */
  redo(): Promise<string | null> {
    return this.then(async () => {
      const step = this.undone.at(-1)
      if (!step) return null
      await step.redo()
      this.undone = this.undone.filter((one) => one !== step)
      this.done = [...this.done, step]
      return step.name
    })
  }

  private then<T>(does: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(async () => {
      this.busy = true
      try {
        return await does()
      } finally {
        this.busy = false
      }
    })
    this.turn = mine.catch(() => {})
    return mine
  }
}

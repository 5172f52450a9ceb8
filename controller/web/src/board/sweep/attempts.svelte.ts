/** The attempts of a sweep's trials: asked for once, and then those of the trials that changed. */
import { board, whyOf } from '../clients'
import { Attempts } from '../data/attempts'

export class AttemptData {
  /** Not state itself: `version` says that it changed. */
  readonly attempts = new Attempts()
  version = $state(0)
  problem = $state('')
  #isAsking = false
  #isBehind = false

  /** Brings them up to date; asked while it does, it does so once more. */
  async ask(sweep: string): Promise<void> {
    this.#isBehind = true
    if (this.#isAsking) return
    this.#isAsking = true
    while (this.#isBehind) {
      this.#isBehind = false
      try {
        const { table } = await board.getAttempts({ sweep, since: this.attempts.change })
        if (table) this.attempts.apply(table)
        this.problem = ''
        this.version += 1
      } catch (error) {
        this.problem = whyOf(error)
      }
    }
    this.#isAsking = false
  }
}

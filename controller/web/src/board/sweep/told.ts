/** Something that is asked again when its subject changed, but not more often than every so many milliseconds; and after a failure
 *  that may pass, by itself. */
import { mayPass, whyOf } from '../clients'
import { Trouble } from '../live/trouble.svelte'

export interface Again {
  /** At once. */
  readonly now: () => void
  /** As soon as the time since the last one is up. */
  readonly soon: () => void
  readonly end: () => void
  /** Why the last answer did not come. */
  readonly trouble: Trouble
}

/** `take` gets what `ask` brought, unless the subject is another one by then, or nobody looks any more. */
export function told<T>(every: number, ask: () => Promise<T>, take: (answer: T) => void = () => {}): Again {
  return new Question(every, ask, take)
}

const RETRY_MS = [250, 500, 1000, 2000, 4000]

class Question<T> implements Again {
  readonly trouble = new Trouble()
  #timer: ReturnType<typeof setTimeout> | undefined
  #last = 0
  #failures = 0
  #isAsking = false
  /** Asked for while an answer was on its way, which may be of an older subject. */
  #due: 'now' | 'soon' | undefined
  #isOver = false

  constructor(
    private readonly every: number,
    private readonly ask: () => Promise<T>,
    private readonly take: (answer: T) => void,
  ) {}

  readonly now = () => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#isAsking) this.#due = 'now'
    else if (!this.#isOver) void this.#run()
  }

  readonly soon = () => this.#later(Math.max(0, this.#last + this.every - Date.now()))

  readonly end = () => {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.trouble.clear()
  }

  #later(ms: number): void {
    if (!this.#isOver) this.#timer ??= setTimeout(() => this.#rung(), ms)
  }

  /** A hidden tab asks nothing: it goes on when it is seen again. */
  #rung(): void {
    if (document.visibilityState === 'hidden') return document.addEventListener('visibilitychange', this.now, { once: true })
    this.#timer = undefined
    if (this.#isAsking) this.#due ??= 'soon'
    else void this.#run()
  }

  async #run(): Promise<void> {
    this.#isAsking = true
    this.#last = Date.now()
    try {
      const answer = await this.ask()
      this.#failures = 0
      if (!this.#isOver) this.trouble.clear()
      if (!this.#isOver && this.#due !== 'now') this.take(answer)
    } catch (error) {
      if (!this.#isOver) this.#failed(error)
    }
    this.#isAsking = false
    const due = this.#due
    this.#due = undefined
    if (due === 'now') this.now()
    else if (due === 'soon') this.soon()
  }

  #failed(error: unknown): void {
    const isRetried = mayPass(error)
    this.trouble.set(whyOf(error), isRetried)
    if (isRetried) this.#later(RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)]!)
  }
}

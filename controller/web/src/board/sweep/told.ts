/** Something that is asked again when its subject changed, but not more often than every so many milliseconds; and after a failure
 *  that may pass, by itself. */
import { mayPass, whyOf } from '../clients'
import { Trouble } from '../live/trouble.svelte'

export interface Again {
  /** At once. */
  now: () => void
  /** As soon as the time since the last one is up. */
  soon: () => void
  end: () => void
  /** Why the last answer did not come. */
  trouble: Trouble
}

const RETRY_MS = [250, 500, 1000, 2000, 4000]

/** `take` gets what `ask` brought, unless the subject is another one by then, or nobody looks any more. */
export function told<T>(every: number, ask: () => Promise<T>, take: (answer: T) => void = () => {}): Again {
  const trouble = new Trouble()
  let timer: ReturnType<typeof setTimeout> | undefined
  let last = 0
  let failures = 0
  let isAsking = false
  /** Asked for while an answer was on its way, which may be of an older subject. */
  let due: 'now' | 'soon' | undefined
  let isOver = false

  const run = async () => {
    timer = undefined
    if (isAsking) {
      due ??= 'soon'
      return
    }
    isAsking = true
    last = Date.now()
    try {
      const answer = await ask()
      failures = 0
      if (!isOver) trouble.clear()
      if (!isOver && due !== 'now') take(answer)
    } catch (error) {
      if (!isOver) failed(error)
    }
    isAsking = false
    const next = due
    due = undefined
    if (next === 'now') now()
    else if (next === 'soon') soon()
  }
  const failed = (error: unknown) => {
    const isRetried = mayPass(error)
    trouble.set(whyOf(error), isRetried)
    if (isRetried) later(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]!)
  }
  // A hidden tab asks nothing: it goes on when it is seen again.
  const later = (ms: number) => {
    if (!isOver) timer ??= setTimeout(() => (document.visibilityState === 'hidden' ? document.addEventListener('visibilitychange', now, { once: true }) : void run()), ms)
  }
  const soon = () => later(Math.max(0, last + every - Date.now()))
  const now = () => {
    clearTimeout(timer)
    timer = undefined
    if (isAsking) due = 'now'
    else if (!isOver) void run()
  }
  const end = () => {
    isOver = true
    clearTimeout(timer)
    trouble.clear()
  }
  return { soon, now, end, trouble }
}

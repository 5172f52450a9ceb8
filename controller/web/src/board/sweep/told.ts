/** Something that is asked again when its subject changed, but not more often than every so many milliseconds. */
export interface Again {
  /** At once. */
  now: () => void
  /** As soon as the time since the last one is up. */
  soon: () => void
  end: () => void
}

export function told(every: number, ask: () => Promise<void>): Again {
  let timer: ReturnType<typeof setTimeout> | undefined
  let last = 0
  let isAsking = false
  let isDue = false
  const run = async () => {
    timer = undefined
    if (isAsking) {
      isDue = true
      return
    }
    isAsking = true
    last = Date.now()
    await ask()
    isAsking = false
    if (isDue) {
      isDue = false
      soon()
    }
  }
  const soon = () => (timer ??= setTimeout(() => void run(), Math.max(0, last + every - Date.now())))
  return {
    soon,
    now: () => {
      clearTimeout(timer)
      void run()
    },
    end: () => clearTimeout(timer),
  }
}

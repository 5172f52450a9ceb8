/** The colours of charts as state: they change with the system, and with a person's choice. */
import { type Palette, palette } from '../draw/palette'

class Look {
  #turns = $state(0)
  colours = $derived.by<Palette>(() => {
    void this.#turns
    return palette()
  })

  constructor() {
    const turn = () => (this.#turns += 1)
    addEventListener('sweep:theme', turn)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', turn)
  }
}

export const look = new Look()

/** The time, for ages and for trials that run: to the second. */
class Clock {
  now = $state(Date.now())

  constructor() {
    setInterval(() => {
      if (document.visibilityState !== 'hidden') this.now = Date.now()
    }, 1000)
  }
}

export const ticking = new Clock()

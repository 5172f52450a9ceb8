/** What draws comes to the page when something of it is seen: chunks of their own, as state. */
import { whyOf } from '../clients'

export class Library<T> {
  held = $state.raw<T>()
  /** Why it cannot be had; empty: nothing is wrong. */
  problem = $state('')
  #coming: Promise<T> | undefined

  constructor(private readonly load: () => Promise<T>) {}

  /** Asks for it; what failed is asked for again. */
  want(): Promise<T> {
    this.#coming ??= this.load().then(
      (held) => {
        this.problem = ''
        return (this.held = held)
      },
      (error: unknown) => {
        this.#coming = undefined
        this.problem = `What draws charts could not be loaded (${whyOf(error)}). Load the page again.`
        throw error
      },
    )
    return this.#coming
  }
}

export const uplot = new Library(() => import('../draw/uplot'))
export const echarts = new Library(() => import('../draw/echarts'))

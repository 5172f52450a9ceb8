/** What could not be had from the controller. */
import { SvelteSet } from 'svelte/reactivity'

/** All that is tried again by itself; the badge says so. */
export const retried = new SvelteSet<Trouble>()

export class Trouble {
  /** Why the last try failed, in words; empty: it did not. */
  why = $state('')

  get isRetried(): boolean {
    return retried.has(this)
  }

  set(why: string, isRetried: boolean): void {
    this.why = why
    if (isRetried) retried.add(this)
    else retried.delete(this)
  }

  clear(): void {
    this.set('', false)
  }
}

/** A sweep and its trials, loaded once and then followed. */
import type { Sweep } from '../../wire/sweep/v1/model_pb'
import { Goal } from '../../wire/sweep/v1/model_pb'
import { board, sweeps } from '../clients'
import type { Names } from '../data/columns'
import { Trials } from '../data/trials'
import { live } from '../live/live.svelte'
import { layouts } from './layouts.svelte'
import { told } from './told'

export class SweepData {
  sweep = $state.raw<Sweep>()
  /** Not state itself: `version` says that it changed. */
  trials = new Trials(Goal.MINIMIZE)
  version = $state(0)
  isLoaded = $state(false)
  /** The sweep file; lists and news leave it out. */
  text = $state('')
  priorJson = $state('')
  /** Rows of the last news. */
  changed: Uint32Array = new Uint32Array(0)

  /** `id` may be a prefix, or `-`. */
  constructor(readonly asked: string) {}

  /** Not derived: this outlives the page that made it, which a derived value does not. */
  get names(): Names {
    return { objective: this.sweep?.objectiveName ?? '', objectives: this.sweep?.objectives.map((one) => one.name) ?? [] }
  }

  get id(): string {
    return this.sweep?.id ?? this.asked
  }

  /** Asks for all; what is held already stays in sight when no answer comes. */
  readonly loading = told(0, () => this.#load())

  async #load(): Promise<void> {
    // All at once: what is asked by the whole id needs no first answer for the next question.
    const [{ sweep, priorJson }, { table }] = await Promise.all([
      sweeps.getSweep({ sweep: this.asked }),
      board.getTrialTable({ sweep: this.asked }),
      layouts.ask(this.asked),
    ])
    if (!sweep || !table) return
    this.trials = new Trials(sweep.goal)
    this.trials.apply(table)
    this.text = sweep.text
    this.priorJson = priorJson
    this.sweep = sweep
    this.isLoaded = true
    this.version += 1
    for (let more = table.more; more;) {
      const next = await board.getTrialTable({ sweep: sweep.id, afterNumber: BigInt(this.#highest()) })
      const change = this.trials.change
      if (next.table) this.trials.apply(next.table)
      // Of several pieces the first one's change counts.
      this.trials.change = change
      more = next.table?.more ?? false
      this.version += 1
    }
  }

  /** Asks for metrics that there was no room for. */
  async more(metrics: string[]): Promise<void> {
    const change = this.trials.change
    for (let after = 0, more = true; more;) {
      const { table } = await board.getTrialTable({ sweep: this.id, metrics, afterNumber: BigInt(after) })
      if (!table) return
      this.trials.apply(table)
      this.trials.change = change
      more = table.more
      after = this.#highest()
    }
    this.version += 1
  }

  /** Follows what changes, until the function that it gives is called. */
  follow(): () => void {
    return live.follow(
      () => ({ kind: 'table', sweep: this.id, since: this.trials.change }),
      (news) => {
        if (news.case !== 'table' || !news.value.sweep) return
        if (news.value.table) this.changed = this.trials.apply(news.value.table)
        this.sweep = news.value.sweep
        this.version += 1
        // Queued trials of a stopped sweep are withdrawn: nobody tells which.
        if (this.trials.rows > this.trials.total) this.loading.now()
      },
    )
  }

  #highest(): number {
    let highest = 0
    for (let row = 0; row < this.trials.rows; row++) highest = Math.max(highest, this.trials.number.values[row]!)
    return highest
  }
}

let kept: SweepData | undefined

/** The data of a sweep: what is held of the last one is held on, so that going back is at once. */
export function dataOf(id: string): SweepData {
  if (kept && (kept.asked === id || kept.id === id) && kept.isLoaded) return kept
  // Later, for what is derived may not change what others look at.
  const left = kept
  queueMicrotask(() => left?.loading.end())
  kept = new SweepData(id)
  kept.loading.now()
  return kept
}

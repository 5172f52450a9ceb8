/** How far a sweep is, and when it will be done. */
import type { Sweep } from '../../wire/sweep/v1/model_pb'
import { SweepState, TrialState } from '../../wire/sweep/v1/model_pb'
import { isActive } from './states'
import type { Trials } from './trials'

export interface Progress {
  over: number
  /** Undefined: nobody knows how many there will be. */
  planned: number | undefined
}

export function progress(sweep: Sweep): Progress {
  const counts = sweep.counts
  const over = counts ? Number(counts.finished + counts.stoppedEarly + counts.failed + counts.cancelled) : 0
  return { over, planned: sweep.plannedTrials === undefined ? undefined : Number(sweep.plannedTrials) }
}

/** How many agents run trials of it now. */
export function agentsAt(trials: Trials): number {
  const agents = new Set<number>()
  for (let row = 0; row < trials.rows; row++) if (isActive(trials.state.values[row]!)) agents.add(trials.agent.values[row]!)
  return agents.size
}

/** Milliseconds until the planned trials are over, at the pace of the last 20 that ended by themselves and as many at a
 *  time as run now. Undefined when that says nothing: none ended, none runs, no plan. */
export function eta(sweep: Sweep, trials: Trials, now: number): number | undefined {
  const { over, planned } = progress(sweep)
  const active = Number(sweep.counts?.active ?? 0n)
  if (sweep.state !== SweepState.RUNNING || planned === undefined || active === 0) return undefined
  const ended: number[] = []
  let underway = 0
  for (let row = 0; row < trials.rows; row++) {
    const state = trials.state.values[row]! as TrialState
    const started = trials.started.values[row]!
    if (state === TrialState.FINISHED || state === TrialState.STOPPED_EARLY) ended.push(row)
    else if (state === TrialState.RUNNING && started > 0) underway += now - started
  }
  if (ended.length === 0) return undefined
  ended.sort((a, b) => trials.finished.values[b]! - trials.finished.values[a]!)
  const last = ended.slice(0, 20)
  const mean = last.reduce((sum, row) => sum + trials.finished.values[row]! - trials.started.values[row]!, 0) / last.length
  return Math.max(0, ((planned - over) * mean - Math.min(underway, active * mean)) / active)
}

/** The optimisation history: every trial's objective, and the best so far as a line that steps. */
import { Goal, TrialState } from '../../wire/sweep/v1/model_pb'
import type { Trials } from '../data/trials'
import { aired, extent, usual, within } from './extent'
import type { Palette } from './palette'
import type { Line, Plot } from './plot'

export interface History {
  numbers: Float64Array
  objectives: Float64Array
  /** Rows of the trials' table. */
  rows: Uint32Array
  best: Float64Array
}

/** Trials with an objective by number, and the best of those that run or went well up to each. */
export function history(trials: Trials): History {
  const all = Array.from({ length: trials.rows }, (_, row) => row).filter((row) => Number.isFinite(trials.objective.values[row]!))
  const rows = Uint32Array.from(all.sort((a, b) => trials.number.values[a]! - trials.number.values[b]!))
  const best = new Float64Array(rows.length)
  let held = NaN
  rows.forEach((row, i) => {
    const value = trials.objective.values[row]!
    const state = trials.state.values[row]! as TrialState
    const counts = state !== TrialState.FAILED && state !== TrialState.CANCELLED
    const isBetter = Number.isNaN(held) || (trials.goal === Goal.MAXIMIZE ? value > held : value < held)
    if (counts && isBetter) held = value
    best[i] = held
  })
  return {
    rows, best,
    numbers: Float64Array.from(rows, (row) => trials.number.values[row]!),
    objectives: Float64Array.from(rows, (row) => trials.objective.values[row]!),
  }
}

/** The plot: trials that are not selected, those that are, and the best so far. A line of dots holds its trials in order of number,
 *  and NaN for those of the other: so a point's place is the trial's. */
export function plot(shown: History, mask: Uint8Array, label: string, log: boolean, colours: Palette): Plot {
  const x = aired(extent([shown.numbers]) ?? [0, 1])
  const y = aired(usual(shown.objectives, log) ?? [0, 1], log)
  // What is far out is drawn at the edge, as is what a logarithmic axis has no place for.
  const held = (value: number) => (log && value <= 0 ? y[0] : within(value, y))
  const dots = (name: string, isChosen: boolean, colour: string): Line => ({
    name, colour, shape: 'dots', width: shown.rows.length > 2000 ? 3 : 6, xs: shown.numbers,
    ys: shown.objectives.map((value, i) => (((mask[shown.rows[i]!] ?? 1) === 1) === isChosen ? held(value) : NaN)),
  })
  const best: Line = { name: 'best so far', colour: colours.warn, shape: 'steps', width: 2, isBehind: true, xs: shown.numbers, ys: shown.best.map(held) }
  return {
    lines: [dots('others', false, colours.line), dots('selected', true, colours.accent), best],
    x: { label: 'trial', log: false, range: x, whole: true },
    y: { label, log, range: y },
  }
}

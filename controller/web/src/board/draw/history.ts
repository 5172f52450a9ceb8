/** The optimisation history: every trial's objective, and the best so far as a line that steps. */
import { Goal, TrialState } from '../../wire/sweep/v1/model_pb'
import type { Trials } from '../data/trials'
import { type Axis, axes, type Frame, frame, type Size } from './axes'
import type { Palette } from './palette'
import type { Pen } from './pen'
import { extent } from './scale'

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

const X: Omit<Axis, 'extent'> = { label: 'trial', whole: true }

/** Where it is drawn. Values far out, of trials that diverged, do not flatten the rest: the axis ends at three spreads. */
export function place(shown: History, size: Size, label: string, log: boolean): { frame: Frame; x: Axis; y: Axis } {
  const x = { ...X, extent: extent([shown.numbers]) }
  const y = { label, log, extent: usual(shown.objectives, log) }
  return { frame: frame(size, x, y), x, y }
}

export function draw(pen: Pen, size: Size, colours: Palette, shown: History, mask: Uint8Array, label: string, log = false): void {
  const { frame, x, y } = place(shown, size, label, log)
  axes(pen, frame, x, y, colours)
  const radius = shown.rows.length > 2000 ? 1.2 : 3
  const held = (value: number) => Math.min(frame.bottom, Math.max(frame.top, value))
  for (const isChosen of [0, 1]) {
    shown.rows.forEach((row, i) => {
      if ((mask[row] ?? 1) !== isChosen) return
      const at = frame.y.at(shown.objectives[i]!)
      pen.dot(frame.x.at(shown.numbers[i]!), Number.isNaN(at) ? frame.bottom : held(at), radius, { colour: isChosen ? colours.accent : colours.line, alpha: 0.75 })
    })
  }
  const xs: number[] = []
  const ys: number[] = []
  shown.best.forEach((value, i) => {
    if (i > 0) {
      if (value === shown.best[i - 1] && i < shown.best.length - 1) return
      xs.push(frame.x.at(shown.numbers[i]!))
      ys.push(held(frame.y.at(shown.best[i - 1]!)))
    }
    xs.push(frame.x.at(shown.numbers[i]!))
    ys.push(held(frame.y.at(value)))
  })
  pen.line(xs, ys, { colour: colours.warn, width: 2 })
}

/** Which of the trials is nearest to a place, as a place in `rows`; -1: none is near. */
export function nearest(shown: History, { x, y }: Frame, atX: number, atY: number): number {
  let found = -1
  let least = 14 ** 2
  shown.numbers.forEach((number, i) => {
    const distance = (x.at(number) - atX) ** 2 + (y.at(shown.objectives[i]!) - atY) ** 2
    if (distance < least) [found, least] = [i, distance]
  })
  return found
}

/** The extent without what lies further than three times the middle half outside of it. */
export function usual(values: Float64Array, log = false): [number, number] | undefined {
  const all = extent([values], log)
  if (!all || values.length < 8) return all
  const sorted = values.filter((value) => Number.isFinite(value) && (!log || value > 0)).sort()
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!
  if (log) return all
  const spread = 3 * (at(0.75) - at(0.25))
  return spread === 0 ? all : [Math.max(all[0], at(0.25) - spread), Math.min(all[1], at(0.75) + spread)]
}

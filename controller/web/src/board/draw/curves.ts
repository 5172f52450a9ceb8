/** Learning curves, and a band of quantiles behind them. */
import type { TrialCurve } from '../../wire/sweep/v1/dashboard_pb'
import { TrialState } from '../../wire/sweep/v1/model_pb'
import { numbers, rowsOf } from '../data/column'
import type { CurveView } from '../data/route'
import { aired, extent } from './extent'
import { faded, type Palette } from './palette'
import type { Line, Plot } from './plot'

export interface Curve {
  name: string
  xs: Float64Array
  ys: Float64Array
  colour: string
  dash?: number[]
}

export interface Band {
  xs: Float64Array
  low: Float64Array
  middle: Float64Array
  high: Float64Array
}

export interface Look {
  x: string
  y: string
  logX: boolean
  logY: boolean
  /** The stretch of the lower axis that is shown; null: all. */
  zoom: [number, number] | null
}

/** Points of a curve as they are told. */
export interface Points {
  steps: Float64Array
  values: Float64Array
  epochs: Float64Array
  atMs: Float64Array
}

/** Where points are over an axis, in order, and their values; those that have no place are left out. `beganMs`: when the first point of
 *  all was told. */
export function over({ steps, values, epochs, atMs }: Points, axis: CurveView['axis'], beganMs: number): { xs: Float64Array; ys: Float64Array } {
  const xs = axis === 'epoch' ? epochs : axis === 'seconds' ? atMs.map((at) => (at - beganMs) / 1000) : steps
  if (xs.every((x, i) => Number.isFinite(x) && (i === 0 || xs[i - 1]! <= x))) return { xs, ys: values }
  const places = Array.from(xs.keys()).filter((i) => Number.isFinite(xs[i]!)).sort((a, b) => xs[a]! - xs[b]!)
  return { xs: Float64Array.from(places, (i) => xs[i]!), ys: Float64Array.from(places, (i) => values[i]!) }
}

/** A curve of the wire, smoothed and over an axis; of a trial that was stopped early it is dashed. */
export function curveOf(told: TrialCurve, view: CurveView, colour: string): Curve {
  const rows = rowsOf(told.steps, told.values, told.epochs, told.atMs)
  const [steps, values, epochs, atMs] = [told.steps, told.values, told.epochs, told.atMs].map((column) => numbers(column, rows)) as [Float64Array, Float64Array, Float64Array, Float64Array]
  const { xs, ys } = over({ steps, values, epochs, atMs }, view.axis, Number(told.beganAtMs))
  return { name: `${told.number}`, xs, ys: smooth(ys, view.smoothing), colour, ...(told.state === TrialState.STOPPED_EARLY && { dash: [6, 3] }) }
}

/** Exponential smoothing by `share` from 0 to below 1, without the pull to zero at the beginning. Gaps stay gaps. */
export function smooth(values: Float64Array, share: number): Float64Array {
  if (share <= 0) return values
  let held = 0
  let weight = 0
  return values.map((value) => {
    if (!Number.isFinite(value)) return value
    held = held * share + value * (1 - share)
    weight = weight * share + (1 - share)
    return held / weight
  })
}

export function plot(curves: Curve[], band: Band | null, look: Look, colours: Palette): Plot {
  const lines = curves.map(({ name, xs, ys, colour, dash }): Line => ({ name, xs, ys, colour, shape: 'line', width: 1.5, ...(dash && { dash }) }))
  const behind = (name: string, ys: Float64Array, dash?: number[]): Line => ({
    name, xs: band!.xs, ys, shape: 'line', colour: dash ? colours.soft : 'transparent', width: 1, isBehind: true, ...(dash && { dash }),
  })
  // The curves come first, so that the place of a line is that of its curve.
  if (band) lines.push(behind('upper end', band.high), behind('lower end', band.low), behind('median', band.middle, [4, 4]))
  const whole = look.zoom ?? extent(lines.map(({ xs }) => xs), look.logX) ?? [0, 1]
  const x = whole[0] < whole[1] ? whole : aired(whole, look.logX)
  const seen = lines.map((line) => (look.zoom ? shown(line, x) : line.ys))
  return {
    lines,
    x: { label: look.x, log: look.logX, range: x, whole: look.x === 'step' },
    y: { label: look.y, log: look.logY, range: aired(extent(seen, look.logY) ?? [0, 1], look.logY) },
    ...(band && { band: { upper: curves.length, lower: curves.length + 1, colour: faded(colours.soft, 0.18) } }),
  }
}

/** The values of a line within a stretch, and those next to it, which the line comes from and goes to. */
function shown({ xs, ys }: Line, [from, until]: [number, number]): number[] {
  const values: number[] = []
  for (let i = 0; i < xs.length; i++) if ((xs[i + 1] ?? xs[i]!) >= from && (xs[i - 1] ?? xs[i]!) <= until) values.push(ys[i]!)
  return values
}

/** Learning curves, and a band of quantiles behind them. */
import { type Axis, axes, type Frame, frame, type Size } from './axes'
import type { Palette } from './palette'
import type { Pen } from './pen'
import { extent } from './scale'

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

export function place(curves: Curve[], band: Band | null, look: Look, size: Size): { frame: Frame; x: Axis; y: Axis } {
  const xs = extent([...curves.map((curve) => curve.xs), ...(band ? [band.xs] : [])], look.logX)
  const ys = extent([...curves.map((curve) => curve.ys), ...(band ? [band.low, band.high] : [])], look.logY)
  const x = { label: look.x, log: look.logX, extent: xs, tight: true }
  const y = { label: look.y, log: look.logY, extent: ys }
  return { frame: frame(size, x, y, named(curves) ? 28 : 10), x, y }
}

/** Several curves, but not too many to name, have their names above them. */
const named = (curves: Curve[]): boolean => curves.length > 1 && curves.length <= 12

function legend(pen: Pen, frame: Frame, colours: Palette, curves: Curve[]): void {
  let x = frame.left
  for (const curve of curves) {
    if (x + 24 + curve.name.length * 6.4 > frame.right) return
    pen.line([x, x + 14], [11, 11], { colour: curve.colour, width: 3, ...(curve.dash && { dash: [4, 2] }) })
    pen.text(x + 18, 11, curve.name, { colour: colours.ink, base: 'middle' })
    x += 32 + curve.name.length * 6.4
  }
}

export function draw(pen: Pen, size: Size, colours: Palette, curves: Curve[], band: Band | null, look: Look): void {
  const { frame, x, y } = place(curves, band, look, size)
  axes(pen, frame, x, y, colours)
  if (named(curves)) legend(pen, frame, colours, curves)
  if (band) {
    const xs = band.xs.map(frame.x.at)
    pen.between(xs, band.low.map(frame.y.at), band.high.map(frame.y.at), { colour: colours.soft, alpha: 0.18 })
    pen.line(xs, band.middle.map(frame.y.at), { colour: colours.soft, dash: [4, 4] })
  }
  for (const curve of curves) {
    pen.line(curve.xs.map(frame.x.at), curve.ys.map(frame.y.at), { colour: curve.colour, width: 1.5, ...(curve.dash && { dash: curve.dash }) })
    // A curve of one point is a point.
    if (curve.xs.length === 1) pen.dot(frame.x.at(curve.xs[0]!), frame.y.at(curve.ys[0]!), 3, { colour: curve.colour })
  }
}

/** The curve nearest to a place, and which of its points. */
export function nearest(curves: Curve[], { x, y }: Frame, atX: number, atY: number): { curve: Curve; point: number } | null {
  let found: { curve: Curve; point: number } | null = null
  let least = 30
  for (const curve of curves) {
    const point = closest(curve.xs, x.value(atX))
    if (point < 0) continue
    const distance = Math.abs(y.at(curve.ys[point]!) - atY) + Math.max(0, Math.abs(x.at(curve.xs[point]!) - atX) - 40)
    if (distance < least) [found, least] = [{ curve, point }, distance]
  }
  return found
}

function closest(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length - 1]
  if (high < 0) return -1
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low > 0 && value - sorted[low - 1]! < sorted[low]! - value ? low - 1 : low
}

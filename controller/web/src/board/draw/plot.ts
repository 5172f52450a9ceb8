/** Curves and dots over two axes, as data: uPlot draws them on the screen (`uplot`), ECharts for files (`picture`). */

export interface PlotAxis {
  label: string
  log: boolean
  range: [number, number]
  /** Marks at whole numbers only. */
  whole?: boolean
}

export interface Line {
  name: string
  /** In order. */
  xs: ArrayLike<number>
  /** What is not finite is a gap. */
  ys: ArrayLike<number>
  shape: 'line' | 'steps' | 'dots'
  colour: string
  /** Of dots, across. */
  width: number
  dash?: number[]
  /** Nobody points at it. */
  isBehind?: boolean
}

export interface Plot {
  x: PlotAxis
  y: PlotAxis
  lines: Line[]
  /** What is between two of the lines is filled. */
  band?: { upper: number; lower: number; colour: string }
}

/** A point of a plot: which line, which of its points. */
export interface At {
  line: number
  point: number
}

/** Whether a value has a place on an axis. */
export const isOn = (axis: PlotAxis, value: number): boolean => Number.isFinite(value) && (!axis.log || value > 0)

/** How far from the pointer something is still meant, in pixels. */
const NEAR = { line: 30, dots: 14 }

/** The point nearest to a place in pixels: of lines by height at the place, of dots by distance. */
export function nearest({ lines }: Plot, toX: (value: number) => number, toY: (value: number) => number, atX: number, atY: number): At | null {
  let found: At | null = null
  let least = Infinity
  lines.forEach(({ xs, ys, shape, isBehind }, line) => {
    if (isBehind) return
    const isDots = shape === 'dots'
    const points = isDots ? around(xs, toX, atX, NEAR.dots) : closest(xs, toX, atX)
    for (const point of points) {
      const [dx, dy] = [Math.abs(toX(xs[point]!) - atX), Math.abs(toY(ys[point]!) - atY)]
      const distance = isDots ? Math.hypot(dx, dy) : dy + Math.max(0, dx - 40)
      if (distance < (isDots ? NEAR.dots : NEAR.line) && distance < least) [found, least] = [{ line, point }, distance]
    }
  })
  return found
}

/** The first point at or after a place. */
function first(xs: ArrayLike<number>, toX: (value: number) => number, at: number): number {
  let [low, high] = [0, xs.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (toX(xs[middle]!) < at) low = middle + 1
    else high = middle
  }
  return low
}

function closest(xs: ArrayLike<number>, toX: (value: number) => number, at: number): number[] {
  const after = first(xs, toX, at)
  if (after === 0) return xs.length > 0 ? [0] : []
  if (after === xs.length) return [after - 1]
  return [at - toX(xs[after - 1]!) < toX(xs[after]!) - at ? after - 1 : after]
}

function* around(xs: ArrayLike<number>, toX: (value: number) => number, at: number, reach: number): Iterable<number> {
  for (let point = first(xs, toX, at - reach); point < xs.length && toX(xs[point]!) <= at + reach; point++) yield point
}

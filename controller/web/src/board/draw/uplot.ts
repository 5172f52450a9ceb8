/** A plot as uPlot wants it, and on the screen. It comes to the page when the first plot is seen. */
import 'uplot/dist/uPlot.min.css'

import uPlot from 'uplot'

import { short } from '../data/columns'
import { FONT, type Palette } from './palette'
import { type At, isOn, type Line, nearest, type Plot, type PlotAxis } from './plot'

/** All lines over the places of all of them; null is a gap, undefined a place that a line knows nothing of. */
export function aligned({ lines, x, y }: Plot): uPlot.AlignedData {
  const tables = lines.map(({ xs, ys }) => {
    const table: [number[], (number | null)[]] = [[], []]
    for (let i = 0; i < xs.length; i++) {
      if (!isOn(x, xs[i]!)) continue
      table[0].push(xs[i]!)
      table[1].push(isOn(y, ys[i]!) ? ys[i]! : null)
    }
    return table as uPlot.AlignedData
  })
  return tables.length > 0 ? uPlot.join(tables) : [[]]
}

/** What of a plot is more than data: when it changes, a new one is made. */
export const shapeOf = ({ x, y, lines, band }: Plot, colours: Palette): string =>
  JSON.stringify([x.label, x.log, x.whole, y.label, y.log, band, lines.map(({ name, colour, shape, width, dash }) => [name, colour, shape, width, dash]), colours])

/** What happens on a plot. */
export interface Acts {
  /** A stretch was dragged over. */
  drag: (x: [number, number], y: [number, number]) => void
  /** It was double-clicked. */
  reset?: () => void
  pick?: (at: At) => void
  /** What the pointer is near to, in pixels of the whole drawing. */
  point: (at: At | null, x: number, y: number) => void
}

/** Along which axes something can be dragged over. */
export type Dragging = 'x' | 'xy'

/** Steps between marks at whole numbers. */
const WHOLE = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((times) => times * 10 ** power)).flat()
const HEIGHT_OF_X = 38
const WIDTH_OF_Y = 56

/** `now` gives the plot of the moment: its axes are asked for at each drawing. */
export function options(now: () => Plot, colours: Palette, size: { width: number; height: number }, dragging: Dragging): uPlot.Options {
  const { x, y, lines, band } = now()
  return {
    ...size,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    scales: { x: scale(x, () => now().x.range), y: scale(y, () => now().y.range) },
    axes: [
      { ...axis(x, colours), size: HEIGHT_OF_X - 18, grid: { show: false }, ...(x.whole && { incrs: WHOLE }) },
      { ...axis(y, colours), size: WIDTH_OF_Y - 16 },
    ],
    series: [{}, ...lines.map(series)],
    ...(band && { bands: [{ series: [band.upper + 1, band.lower + 1] as [number, number], fill: band.colour }] }),
    focus: { alpha: 0.35 },
    cursor: {
      x: false, y: false, points: { show: false },
      drag: { x: true, y: dragging === 'xy', setScale: false, dist: 4 },
    },
  }
}

function scale(axis: PlotAxis, range: () => [number, number]): uPlot.Scale {
  return { time: false, distr: axis.log ? 3 : 1, range }
}

function axis({ label, log }: PlotAxis, colours: Palette): uPlot.Axis {
  return {
    label, labelSize: 16, labelGap: 0, labelFont: `11px ${FONT}`, font: `11px ${FONT}`, stroke: colours.soft, gap: 4,
    grid: { stroke: colours.line, width: 1 }, ticks: { stroke: colours.line, size: 4, width: 1 },
    values: (_, splits) => splits.map((value) => (value === null || (log && !isRound(value)) ? null : short(value))),
    space: log ? 30 : 44,
  }
}

/** Whether a mark of a logarithmic axis is more than its end. */
const isRound = (value: number): boolean => Math.abs((value / 10 ** Math.floor(Math.log10(value) + 1e-9)) % 1) < 1e-6

/** Dots up to this are squares: of 10,000 nobody sees the difference, but waits for it. */
const SMALL = 3

function squares(width: number): uPlot.Series.PathBuilder {
  return (u, place, from, to) => {
    const fill = new Path2D()
    const side = width * uPlot.pxRatio
    for (let i = from; i <= to; i++) {
      const value = u.data[place]![i]
      if (value != null) fill.rect(u.valToPos(u.data[0]![i]!, 'x', true) - side / 2, u.valToPos(value, 'y', true) - side / 2, side, side)
    }
    return { fill, stroke: null, flags: 0 }
  }
}

function series({ name, colour, shape, width, dash }: Line): uPlot.Series {
  const own: uPlot.Series = { label: name, stroke: colour, width, ...(dash && { dash }) }
  if (shape === 'dots' && width <= SMALL) return { ...own, width: 0, fill: colour, paths: squares(width), points: { show: false } }
  if (shape === 'dots') return { ...own, paths: () => null, points: { show: true, size: width, width: 0, fill: colour, stroke: colour } }
  // A line of one point is a point.
  const points = { show: (u: uPlot, i: number) => Array.from(u.data[i]!).filter((value) => value != null).length === 1, size: 6, fill: colour }
  return shape === 'steps' ? { ...own, paths: uPlot.paths.stepped!({ align: 1 }), points: { show: false } } : { ...own, points }
}

/** A plot on the screen. */
export class Drawn {
  #plot: Plot
  #shape: string
  #uplot: uPlot
  #box: [[number, number] | null, [number, number] | null] = [null, null]
  #near = -1

  constructor(
    private readonly holder: HTMLElement,
    plot: Plot,
    private colours: Palette,
    private size: { width: number; height: number },
    private readonly dragging: Dragging,
    private readonly acts: Acts,
  ) {
    this.#plot = plot
    this.#shape = shapeOf(plot, colours)
    this.#uplot = this.#make()
  }

  update(plot: Plot, colours: Palette, size: { width: number; height: number }): void {
    const shape = shapeOf(plot, colours)
    const isOther = shape !== this.#shape
    const isResized = size.width !== this.size.width || size.height !== this.size.height
    if (plot === this.#plot && !isOther && !isResized) return
    ;[this.#plot, this.#shape, this.colours, this.size] = [plot, shape, colours, size]
    if (isOther) {
      this.#uplot.destroy()
      this.#uplot = this.#make()
    } else {
      if (isResized) this.#uplot.setSize(size)
      this.#uplot.setData(aligned(plot))
    }
    this.box(...this.#box)
  }

  /** Shows which stretch of each axis is selected; null: all of it, and null twice shows nothing. */
  box(x: [number, number] | null, y: [number, number] | null): void {
    this.#box = [x, y]
    const u = this.#uplot
    if (!x && !y) {
      u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
      return
    }
    // Not what the page measures: that would lay it out anew in the middle of an update.
    const over = { width: u.bbox.width / uPlot.pxRatio, height: u.bbox.height / uPlot.pxRatio }
    const place = (value: number, scale: 'x' | 'y', most: number) => Math.min(most, Math.max(0, u.valToPos(value, scale)))
    const [left, right] = x ? [place(x[0], 'x', over.width), place(x[1], 'x', over.width)] : [0, over.width]
    const [bottom, top] = y ? [place(y[0], 'y', over.height), place(y[1], 'y', over.height)] : [over.height, 0]
    u.setSelect({ left, top, width: right - left, height: bottom - top }, false)
  }

  destroy(): void {
    this.#uplot.destroy()
  }

  #make(): uPlot {
    let isReleased = false
    const made = options(() => this.#plot, this.colours, this.size, this.dragging)
    made.cursor!.bind = {
      // uPlot tells of a selection at other times too: only what a hand let go of counts.
      mouseup: (_u, _target, handler) => (event: MouseEvent) => {
        isReleased = true
        handler(event)
        isReleased = false
        return null
      },
      dblclick: () => () => {
        this.acts.reset?.()
        return null
      },
    }
    made.hooks = { setCursor: [() => this.#point()], setSelect: [(u) => isReleased && this.#dragged(u)] }
    const u = new uPlot(made, aligned(this.#plot), this.holder)
    u.over.addEventListener('click', () => {
      const at = this.#found(u)
      if (at) this.acts.pick?.(at)
    })
    return u
  }

  #found(u: uPlot): At | null {
    const { left = -1, top = -1 } = u.cursor
    return left < 0 ? null : nearest(this.#plot, (value) => u.valToPos(value, 'x'), (value) => u.valToPos(value, 'y'), left, top)
  }

  #point(): void {
    const u = this.#uplot
    // The first of these comes while uPlot is being made.
    if (u === undefined) return
    const at = this.#found(u)
    const { left = 0, top = 0 } = u.cursor
    this.acts.point(at, left + u.over.offsetLeft, top + u.over.offsetTop)
    const near = at && this.#plot.lines[at.line]!.shape === 'line' ? at.line : -1
    if (near === this.#near || this.#plot.lines.filter((line) => !line.isBehind).length < 2) return
    this.#near = near
    u.setSeries(near < 0 ? null : near + 1, { focus: true })
  }

  #dragged(u: uPlot): void {
    const { left, top, width, height } = u.select
    this.box(...this.#box)
    this.acts.drag([u.posToVal(left, 'x'), u.posToVal(left + width, 'x')], [u.posToVal(top + height, 'y'), u.posToVal(top, 'y')])
  }
}

/** Trials as dots over two columns. */
import type { Column } from '../data/columns'
import type { Brush } from '../data/selection'
import type { Trials } from '../data/trials'
import { aired, extent, usual, within } from './extent'
import { base, GRID, type Option, type OptionAxis, type ScatterSeriesOption, xAxis, yAxis } from './option'
import { faded, type Palette, shade } from './palette'

/** A dot: where it is, and the row of its trial. */
type Dot = [x: number, y: number, row: number]

/** More dots are drawn as one shape. */
const LARGE = 2000
/** Steps of a scale of colours. */
const STEPS = 9

/** An axis for a column; `far`: values far out do not flatten the rest, and are drawn at the edge. */
function axisOf(column: Column, trials: Trials, far: boolean): OptionAxis {
  const { label, log, words, values } = column
  if (words) return { label, log: false, words, range: [-0.5, Math.max(1, words.length) - 0.5] }
  const rows = values.slice(0, trials.rows)
  const range = aired((far ? usual(rows, log) : extent([rows], log)) ?? [0, 1], log)
  return { label: label + (log ? ' (log)' : ''), log, range }
}

/** Dots of rows. Words get theirs side by side, by a shift that is the same each time. */
function dots(rows: Iterable<number>, x: Column, y: Column, across: OptionAxis, up: OptionAxis): Dot[] {
  const out: Dot[] = []
  for (const row of rows) {
    const at = (column: Column, axis: OptionAxis, turn: number) => {
      const value = column.values[row]!
      if (Number.isNaN(value) || (axis.log && value <= 0)) return NaN
      return within(column.words ? value + (((row * turn) % 1) - 0.5) * 0.5 : value, axis.range)
    }
    const [atX, atY] = [at(x, across, 0.6180339887), at(y, up, 0.7548776662)]
    if (!Number.isNaN(atX) && !Number.isNaN(atY)) out.push([atX, atY, row])
  }
  return out
}

function drawing(x: Column, y: Column, trials: Trials, colours: Palette, far: boolean, groups: { id: string; rows: number[]; colour: string }[]): Option {
  const [across, up] = [axisOf(x, trials, false), axisOf(y, trials, far)]
  const size = trials.rows > LARGE ? 3 : 7
  return {
    ...base(colours),
    grid: GRID,
    xAxis: xAxis(across, colours),
    yAxis: yAxis(up, colours),
    // The selection colours the dots, not the box: other filters count too.
    toolbox: { show: false },
    brush: {
      toolbox: [], xAxisIndex: 0, yAxisIndex: 0, seriesIndex: [], brushType: 'rect', brushMode: 'single', transformable: false, removeOnClick: true,
      inBrush: {}, outOfBrush: {}, brushStyle: { color: faded(colours.accent, 0.2), borderColor: colours.accent, borderWidth: 1 },
    },
    series: groups.map(({ id, rows, colour }, i): ScatterSeriesOption => ({
      type: 'scatter', id, z: 2 + i, data: dots(rows, x, y, across, up), dimensions: ['x', 'y', 'row'], encode: { x: 'x', y: 'y' },
      symbolSize: size, itemStyle: { color: colour, opacity: 0.75 }, large: true, largeThreshold: LARGE, progressive: 0, emphasis: { disabled: true },
    })),
  }
}

function split(trials: Trials, mask: Uint8Array): { rest: number[]; chosen: number[] } {
  const out = { rest: [] as number[], chosen: [] as number[] }
  for (let row = 0; row < trials.rows; row++) out[mask[row] ? 'chosen' : 'rest'].push(row)
  return out
}

/** A parameter against an objective: a dot per trial. */
export function slice(x: Column, y: Column, trials: Trials, mask: Uint8Array, colours: Palette): Option {
  const { rest, chosen } = split(trials, mask)
  return drawing(x, y, trials, colours, true, [{ id: 'rest', rows: rest, colour: colours.line }, { id: 'chosen', rows: chosen, colour: colours.accent }])
}

/** Two parameters against each other, coloured by rank: see `ranks` of the parallel coordinates. The better ones are on top. */
export function pair(x: Column, y: Column, trials: Trials, mask: Uint8Array, ranks: Float64Array, colours: Palette): Option {
  const { rest, chosen } = split(trials, mask)
  const steps: number[][] = Array.from({ length: STEPS }, () => [])
  for (const row of chosen) if (Number.isFinite(trials.objective.values[row]!)) steps[Math.min(STEPS - 1, Math.floor(ranks[row]! * STEPS))]!.push(row)
  return drawing(x, y, trials, colours, false, [
    { id: 'rest', rows: rest.filter((row) => Number.isFinite(trials.objective.values[row]!)), colour: colours.line },
    ...steps.map((rows, i) => ({ id: `step${i}`, rows, colour: shade(i / (STEPS - 1), colours.isDark) })),
  ])
}

/** A box that was dragged over two axes. */
export interface Area {
  brushType: 'rect' | 'lineX' | 'lineY'
  xAxisIndex: number
  yAxisIndex: number
  coordRange: unknown
}

/** The brushes of a stretch of both axes. */
export function brushesOf(x: Column, y: Column, [across, up]: [number[], number[]]): Brush[] {
  return [one(x, across), one(y, up)]
}

function one({ key, words }: Column, range: number[]): Brush {
  const [from, to] = [Math.min(...range), Math.max(...range)]
  return words ? { key, words: words.filter((_, place) => place >= from - 0.3 && place <= to + 0.3) } : { key, from, to }
}

/** The box that brushes mean, if they are on these columns. */
export function areasOf(x: Column, y: Column, trials: Trials, brushes: Brush[]): Area[] {
  const range = (column: Column, far: boolean): [number, number] | undefined => {
    const brush = brushes.find(({ key }) => key === column.key)
    if (!brush) return undefined
    const axis = axisOf(column, trials, far)
    if (!('words' in brush)) return [within(brush.from, axis.range), within(brush.to, axis.range)]
    const places = brush.words.map((word) => column.words?.indexOf(word) ?? -1).filter((place) => place >= 0)
    return places.length > 0 ? [Math.min(...places) - 0.4, Math.max(...places) + 0.4] : undefined
  }
  const [across, up] = [range(x, false), range(y, true)]
  const place = { xAxisIndex: 0, yAxisIndex: 0 }
  if (across && up) return [{ brushType: 'rect', ...place, coordRange: [across, up] }]
  if (across) return [{ brushType: 'lineX', ...place, coordRange: across }]
  return up ? [{ brushType: 'lineY', ...place, coordRange: up }] : []
}

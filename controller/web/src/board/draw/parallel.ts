/** Parallel coordinates: a line per trial over an axis per parameter, the objective last. */
import { Goal } from '../../wire/sweep/v1/model_pb'
import type { Column } from '../data/columns'
import { short } from '../data/columns'
import type { Brush } from '../data/selection'
import type { Trials } from '../data/trials'
import { extent } from './extent'
import { base, type Option, type ParallelSeriesOption, type Size } from './option'
import { faded, type Palette, shade } from './palette'

/** Lines that are drawn; more are a carpet. */
export const MOST = 2000
const BEST = 500
/** Steps of the scale of colours. */
const STEPS = 12
/** Lines of one colour that are drawn in a frame. */
const CHUNK = 20

/** Which rows are drawn: all, or the best 500 by the objective and the others evenly by rank. */
export function drawn(trials: Trials): Uint32Array {
  const { values } = trials.objective
  const rows = Array.from({ length: trials.rows }, (_, row) => row).filter((row) => Number.isFinite(values[row]!))
  const sign = trials.goal === Goal.MAXIMIZE ? -1 : 1
  rows.sort((a, b) => sign * (values[a]! - values[b]!))
  if (rows.length <= MOST) return Uint32Array.from(rows)
  const rest = rows.length - BEST
  const others = Array.from({ length: MOST - BEST }, (_, i) => rows[BEST + Math.floor((i * rest) / (MOST - BEST))]!)
  return Uint32Array.from([...rows.slice(0, BEST), ...others])
}

/** Pixels beside the axes. */
export const FRAME = { left: 48, right: 48, top: 34, bottom: 14 }
/** How wide the strip of an axis is that can be dragged along. */
const STRIP = 26

/** Where the axes are across. */
export const axisAt = (place: number, count: number, width: number): number =>
  FRAME.left + (count > 1 ? (place * (width - FRAME.left - FRAME.right)) / (count - 1) : 0)

/** How many axes a drawing has room for: more are no more to read. */
export const mostAxes = (width: number): number => Math.min(10, Math.max(3, Math.floor((width - FRAME.left - FRAME.right) / 66) + 1))

/** Whether a place is on an axis, where a click belongs to its brush. */
export const isOnAxis = (x: number, count: number, width: number): boolean =>
  Array.from({ length: count }, (_, place) => axisAt(place, count, width)).some((at) => Math.abs(at - x) <= STRIP / 2)

/** Of words: which place on the axis each has, by the alphabet. */
function places(words: string[]): number[] {
  const out: number[] = []
  words.map((word, place) => ({ word, place })).sort((a, b) => (a.word < b.word ? -1 : 1)).forEach(({ place }, rank) => (out[place] = rank))
  return out
}

/** What is drawn: lines of trials that are not selected, of those that are, and the best of them. */
export function option(columns: Column[], trials: Trials, rows: Uint32Array, mask: Uint8Array, ranks: Float64Array, { width, isFile }: Size, colours: Palette): Option {
  const room = axisAt(1, columns.length, width) - FRAME.left - 6
  const ordered = columns.map(({ words }) => words && places(words))
  // Behind the places on the axes stands the row. No names: by those ECharts would keep lines in the order in which they came.
  const point = (row: number) => [...columns.map(({ values, words }, i) => (words ? (ordered[i]![values[row]!] ?? NaN) : values[row]!)), row]
  const many = rows.length > 300
  const rest: number[][] = []
  const steps: number[][][] = Array.from({ length: STEPS }, () => [])
  // The better ones later, on top, and the best by itself.
  for (let i = rows.length - 1; i > 0; i--) {
    const row = rows[i]!
    if (mask[row]) steps[Math.min(STEPS - 1, Math.floor(ranks[row]! * STEPS))]!.push(point(row))
    else rest.push(point(row))
  }
  const first = rows[0] === undefined ? [] : [point(rows[0])]
  const isChosen = rows[0] !== undefined && mask[rows[0]] === 1
  // Many lines are drawn over several frames: a brush is answered before all of them are there.
  const chunk = many && !isFile ? CHUNK : 0
  const [faint, plain] = many ? [0.12, 0.22] : [0.5, 0.8]
  return {
    ...base(colours),
    parallel: { ...FRAME, parallelAxisDefault: {} },
    parallelAxis: columns.map((column, dim) => axis(column, trials, dim, room, colours)),
    series: [
      // Below the others, whoever is drawn first.
      { ...lines('rest', isChosen ? rest : [...rest, ...first], chunk, { color: colours.line, opacity: faint }), zlevel: -2 },
      ...steps.map((data, i) => lines(`step${i}`, data, chunk, { color: shade(i / (STEPS - 1), colours.isDark), opacity: plain })),
      { ...lines('best', isChosen ? first : [], 0, { color: shade(1, colours.isDark), width: 2, opacity: 1 }), zlevel: 0 },
    ],
  }
}

function lines(id: string, data: number[][], progressive: number, style: { color: string; opacity: number; width?: number }): ParallelSeriesOption {
  const { opacity } = style
  // What is selected is known already; ECharts' own filter by the brushes would leave out the other filters.
  // Lines have a canvas of their own: what is dragged over the axes does not draw them again.
  return { type: 'parallel', id, zlevel: -1, data, progressive, progressiveThreshold: progressive, activeOpacity: opacity, inactiveOpacity: opacity, lineStyle: { width: 1, ...style }, emphasis: { disabled: true } }
}

export const brushStyle = (colours: Palette) => ({ color: faded(colours.accent, 0.35), borderColor: colours.accent, borderWidth: 1, opacity: 1 })

export const axisId = (column: Column): string => `axis ${column.key}`

function axis(column: Column, trials: Trials, dim: number, room: number, colours: Palette) {
  const { label, words, values, log } = column
  const [low, high] = extent([values.subarray(0, trials.rows)], log) ?? [0, 1]
  const sorted = words && [...words].sort((a, b) => (a < b ? -1 : 1))
  const range = sorted ? [-0.3, sorted.length - 0.7] : low === high ? [low - Math.abs(low) / 10 - 1e-9, high + Math.abs(high) / 10 + 1e-9] : [low, high]
  const name = label + (log && !sorted ? ' (log)' : '')
  // In the middle over the first axis, a long name would leave the chart.
  const isCut = dim === 0 && Math.min(room, name.length * 6.6) / 2 > FRAME.left
  const customValues = sorted?.slice(0, 200).map((_, place) => place)
  return {
    // Over the lines, so that its marks can be read.
    id: axisId(column), dim, z: 5, type: log && !sorted ? ('log' as const) : ('value' as const), min: range[0]!, max: range[1]!, realtime: false,
    name, nameLocation: 'end' as const, nameGap: 12,
    nameTextStyle: { color: colours.ink, fontWeight: 600, fontSize: 11, ...(isCut && { align: 'left' as const }) },
    nameTruncate: { maxWidth: room },
    axisLine: { lineStyle: { color: colours.soft, width: 1.2 } },
    axisTick: { show: true, lineStyle: { color: colours.soft }, ...(customValues && { customValues }) },
    splitNumber: 4,
    axisLabel: {
      color: colours.ink, fontSize: 10, backgroundColor: faded(colours.paper, 0.75), padding: [1, 2], hideOverlap: true,
      formatter: (value: number) => (sorted ? (sorted[value] ?? '').slice(0, 14) : short(value)),
      ...(customValues && { customValues }),
    },
    areaSelectStyle: { width: STRIP, ...brushStyle(colours) },
  }
}

/** The row of a line by its value, as a chart tells it. */
export const rowOf = (value: unknown): number => (value as number[]).at(-1)!

/** The brush for stretches of an axis; null: there is none. */
export function brushOf(column: Column, intervals: number[][]): Brush | null {
  const [interval] = intervals
  if (!interval) return null
  const [from, to] = [Math.min(...interval), Math.max(...interval)]
  if (!column.words) return { key: column.key, from, to }
  const at = places(column.words)
  const words = column.words.filter((_, place) => at[place]! >= from - 0.1 && at[place]! <= to + 0.1)
  return words.length > 0 ? { key: column.key, words } : null
}

/** Which stretches of an axis a brush means. */
export function intervalsOf(column: Column, trials: Trials, brush: Brush | undefined): [number, number][] {
  if (!brush) return []
  if (!('words' in brush)) {
    const [low, high] = extent([column.values.subarray(0, trials.rows)], column.log) ?? [brush.from, brush.to]
    return brush.to < low || brush.from > high ? [] : [[Math.max(low, brush.from), Math.min(high, brush.to)]]
  }
  const at = places(column.words ?? [])
  const ranks = brush.words.map((word) => at[column.words?.indexOf(word) ?? -1] ?? NaN).filter(Number.isFinite).sort((a, b) => a - b)
  const runs: [number, number][] = []
  for (const rank of ranks) {
    const last = runs.at(-1)
    if (last && rank - last[1] < 1) last[1] = rank + 0.25
    else runs.push([rank - 0.25, rank + 0.25])
  }
  return runs
}

/** From 0, worst, to 1, best, by row: the colour of a line is its trial's rank, which no outlier can flatten. */
export function ranks(trials: Trials): Float64Array {
  const { values } = trials.objective
  const rows = Array.from({ length: trials.rows }, (_, row) => row).filter((row) => Number.isFinite(values[row]!))
  const sign = trials.goal === Goal.MAXIMIZE ? 1 : -1
  rows.sort((a, b) => sign * (values[a]! - values[b]!))
  const out = new Float64Array(trials.rows)
  rows.forEach((row, rank) => (out[row] = rows.length > 1 ? rank / (rows.length - 1) : 1))
  return out
}

/** Parallel coordinates: a line per trial over an axis per parameter, the objective last. */
import { Goal } from '../../wire/sweep/v1/model_pb'
import type { Column } from '../data/columns'
import { short } from '../data/columns'
import type { Brush } from '../data/selection'
import type { Trials } from '../data/trials'
import type { Size } from './axes'
import { type Palette, shade } from './palette'
import type { Pen } from './pen'
import { extent, type Scale, scale } from './scale'

/** Lines that are drawn; more are a carpet. */
export const MOST = 2000
const BEST = 500

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

export interface ParallelAxis {
  column: Column
  x: number
  scale: Scale
  /** Of words: their order from below. */
  places: number[] | undefined
}

const TOP = 30
const BOTTOM = 16

export function place(columns: Column[], trials: Trials, size: Size): ParallelAxis[] {
  const [left, right] = [44, size.width - 44]
  const step = columns.length > 1 ? (right - left) / (columns.length - 1) : 0
  return columns.map((column, i) => {
    const x = left + i * step
    const [from, to] = [size.height - BOTTOM, TOP]
    if (column.words) {
      const sorted = column.words.map((word, place) => ({ word, place })).sort((a, b) => (a.word < b.word ? -1 : 1))
      const places: number[] = []
      sorted.forEach(({ place }, rank) => (places[place] = rank))
      return { column, x, scale: scale(-0.3, column.words.length - 0.7, from, to), places }
    }
    const range = extent([column.values.subarray(0, trials.rows)], column.log) ?? [0, 1]
    return { column, x, scale: scale(range[0], range[1], from, to, column.log, 4), places: undefined }
  })
}

export const heightAt = (axis: ParallelAxis, value: number): number =>
  Number.isNaN(value) ? NaN : axis.scale.at(axis.places ? (axis.places[value] ?? NaN) : value)

export function draw(
  pen: Pen, size: Size, colours: Palette, axes: ParallelAxis[], rows: Uint32Array, mask: Uint8Array, brushes: Brush[],
  ranks: Float64Array,
): void {
  const xs = axes.map((axis) => axis.x)
  const line = (row: number) => axes.map((axis) => heightAt(axis, axis.column.values[row]!))
  const isFiltered = rows.some((row) => !mask[row])
  const many = rows.length > 300
  if (isFiltered) for (const row of rows) if (!mask[row]) pen.line(xs, line(row), { colour: colours.line, alpha: many ? 0.12 : 0.5 })
  // The best last, on top.
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i]!
    if (mask[row]) pen.line(xs, line(row), { colour: shade(ranks[row]!, colours.isDark), alpha: i === 0 ? 1 : many ? 0.22 : 0.8, width: i === 0 ? 2 : 1 })
  }
  for (const axis of axes) drawAxis(pen, size, colours, axis, brushes.find((brush) => brush.key === axis.column.key))
}

function drawAxis(pen: Pen, size: Size, colours: Palette, axis: ParallelAxis, brush: Brush | undefined): void {
  const { column, x, scale } = axis
  pen.line([x, x], [TOP, size.height - BOTTOM], { colour: colours.soft, width: 1.2 })
  const name = column.label.length > 16 ? `${column.label.slice(0, 15)}…` : column.label
  pen.text(x, 4, name + (column.log ? ' (log)' : ''), { colour: colours.ink, align: 'center', base: 'top', bold: true })
  const said = (text: string, at: number) => {
    pen.rect(x + 3, at - 7, text.length * 6 + 4, 14, { colour: colours.paper, alpha: 0.72 })
    pen.text(x + 5, at, text, { colour: colours.ink, base: 'middle', size: 10 })
  }
  if (column.words && axis.places) column.words.slice(0, 200).forEach((word, place) => said(word.slice(0, 14), scale.at(axis.places![place]!)))
  else for (const value of scale.ticks) said(short(value), scale.at(value))
  if (!brush) return
  const heights = 'words' in brush
    ? brush.words.map((word) => heightAt(axis, column.words?.indexOf(word) ?? NaN)).filter(Number.isFinite)
    : [scale.at(Math.max(scale.from, brush.from)), scale.at(Math.min(scale.to, brush.to))]
  if (heights.length === 0) return
  const [top, bottom] = [Math.min(...heights) - 4, Math.max(...heights) + 4]
  pen.rect(x - 5, top, 10, bottom - top, { colour: colours.accent, alpha: 0.4 })
}

/** The brush of an axis for a stretch of heights; null: nothing is there. */
export function brushOf(axis: ParallelAxis, top: number, bottom: number): Brush | null {
  const { column, scale } = axis
  if (column.words) {
    const words = column.words.filter((_, place) => {
      const at = heightAt(axis, place)
      return at >= top - 2 && at <= bottom + 2
    })
    return words.length > 0 ? { key: column.key, words } : null
  }
  const [from, to] = [scale.value(bottom), scale.value(top)]
  return { key: column.key, from: Math.max(scale.from, from), to: Math.min(scale.to, to) }
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

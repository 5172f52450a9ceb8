/** Bars with words beside them, and tables of numbers as coloured fields. */
import { short } from '../data/columns'
import type { Size } from './axes'
import { type Palette, series } from './palette'
import type { Pen } from './pen'

export interface BarRow {
  name: string
  value: number
  /** What stands at its end. */
  note: string
  /** An interval around the value. */
  low?: number
  high?: number
}

const LINE = 24
export const barsHeight = (rows: number): number => rows * LINE + 12

/** Lying bars from 0 to `most`. */
export function bars(pen: Pen, size: Size, colours: Palette, rows: BarRow[], most: number): void {
  const left = Math.min(190, Math.max(60, ...rows.map((row) => row.name.length * 6.4 + 12)))
  const right = size.width - Math.min(size.width / 3, Math.max(60, ...rows.map((row) => row.note.length * 6.2 + 14)))
  const x = (value: number) => left + (Math.min(most, Math.max(0, value)) / (most || 1)) * (right - left)
  rows.forEach((row, i) => {
    const middle = 8 + i * LINE + LINE / 2
    pen.text(left - 8, middle, row.name.slice(0, 28), { colour: colours.ink, align: 'right', base: 'middle' })
    pen.rect(left, middle - 8, right - left, 16, { colour: colours.line, alpha: 0.35 })
    if (!Number.isNaN(row.value)) pen.rect(left, middle - 8, x(row.value) - left, 16, { colour: colours.accent, alpha: 0.85 })
    if (row.low !== undefined && row.high !== undefined && !Number.isNaN(row.low + row.high)) {
      pen.line([x(row.low), x(row.high)], [middle, middle], { colour: colours.ink, width: 1.5 })
      for (const end of [row.low, row.high]) pen.line([x(end), x(end)], [middle - 4, middle + 4], { colour: colours.ink, width: 1.5 })
    }
    pen.text(right + 8, middle, row.note, { colour: colours.ink, base: 'middle' })
  })
}

/** A confusion matrix: rows are the truth, columns the guess. A field's colour is its share of its row. */
export function confusion(pen: Pen, size: Size, colours: Palette, classes: string[], counts: number[][], asShare: boolean): void {
  const { left, top, width, height } = confusionPlace(size, classes)
  classes.forEach((name, i) => {
    pen.text(left - 6, top + (i + 0.5) * height, name.slice(0, 12), { colour: colours.ink, align: 'right', base: 'middle' })
    pen.text(left + (i + 0.5) * width, top - 6, name.slice(0, Math.max(3, Math.floor(width / 6))), { colour: colours.ink, align: 'center' })
    const row = counts[i] ?? []
    const sum = row.reduce((a, b) => a + b, 0)
    row.forEach((count, j) => {
      const share = sum > 0 ? count / sum : 0
      const [x, y] = [left + j * width, top + i * height]
      pen.rect(x + 0.5, y + 0.5, width - 1, height - 1, { colour: colours.accent, alpha: 0.06 + 0.94 * share })
      const text = asShare ? (sum > 0 ? `${Math.round(100 * share)}` : '') : String(count)
      if (width > text.length * 6 + 4 && height > 11) pen.text(x + width / 2, y + height / 2, text, { colour: share > 0.5 ? colours.paper : colours.ink, align: 'center', base: 'middle' })
    })
  })
  pen.text(left, size.height - 6, `rows: truth · columns: guess · ${asShare ? 'per cent of the row' : 'counts'}`, { colour: colours.soft })
}

export function confusionPlace(size: Size, classes: string[]): { left: number; top: number; width: number; height: number } {
  const left = Math.min(90, Math.max(...classes.map((name) => name.length * 6.4)) + 14)
  const [top, bottom] = [22, size.height - 24]
  return { left, top, width: (size.width - left - 4) / classes.length, height: (bottom - top) / classes.length }
}

export interface Group {
  name: string
  values: number[]
}

/** Standing bars in groups: one group per class, one bar per series. */
export function histogram(pen: Pen, size: Size, colours: Palette, classes: string[], groups: Group[]): void {
  const [left, right, top, bottom] = [48, size.width - 8, 26, size.height - 22]
  const most = Math.max(1, ...groups.flatMap((group) => group.values))
  const y = (value: number) => bottom - (value / most) * (bottom - top)
  for (const share of [0, 0.5, 1]) {
    const value = Math.round(most * share)
    pen.line([left, right], [y(value), y(value)], { colour: colours.line })
    pen.text(left - 6, y(value), short(value), { colour: colours.soft, align: 'right', base: 'middle' })
  }
  const step = (right - left) / Math.max(1, classes.length)
  const width = (step * 0.8) / Math.max(1, groups.length)
  classes.forEach((name, i) => {
    groups.forEach((group, j) => {
      const value = group.values[i] ?? 0
      pen.rect(left + i * step + step * 0.1 + j * width, y(value), Math.max(1, width - 1), bottom - y(value), { colour: series(j, colours.isDark) })
    })
    pen.text(left + (i + 0.5) * step, bottom + 5, name.slice(0, Math.max(3, Math.floor(step / 6.2))), { colour: colours.ink, align: 'center', base: 'top' })
  })
  let x = left
  groups.forEach((group, j) => {
    pen.rect(x, 5, 10, 10, { colour: series(j, colours.isDark) })
    pen.text(x + 14, 10, group.name, { colour: colours.ink, base: 'middle' })
    x += 26 + group.name.length * 6.6
  })
}

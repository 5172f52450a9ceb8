/** Which trials are meant: by state, by what was brushed in plots, by an expression; and in which order. */
import { columnOf, type Column, type Names } from './columns'
import type { Trials } from './trials'
import { compile } from './where'

/** A stretch of one column that somebody brushed: numbers from `from` to `to`, or some words. */
export type Brush = { key: string; from: number; to: number } | { key: string; words: string[] }

export interface Filter {
  /** Empty: all. */
  states: number[]
  brushes: Brush[]
  where: string
}

export interface Sort {
  key: string
  down: boolean
}

export interface Selected {
  /** By row: 1 means selected. */
  mask: Uint8Array
  count: number
  /** Why the expression is not looked at; empty: it is. */
  problem: string
}

export function select(trials: Trials, filter: Filter, names: Names): Selected {
  const mask = new Uint8Array(trials.rows).fill(1)
  if (filter.states.length > 0) {
    const wanted = new Set(filter.states)
    for (let row = 0; row < trials.rows; row++) if (!wanted.has(trials.state.values[row]!)) mask[row] = 0
  }
  for (const brush of filter.brushes) {
    const column = columnOf(trials, brush.key, names)
    if (column) clear(mask, column, brush)
  }
  let problem = ''
  if (filter.where.trim() !== '') {
    try {
      const test = compile(filter.where, (name) => named(trials, name, names))
      for (let row = 0; row < trials.rows; row++) if (mask[row] && !test(row)) mask[row] = 0
    } catch (error) {
      problem = (error as Error).message
    }
  }
  let count = 0
  for (let row = 0; row < trials.rows; row++) count += mask[row]!
  return { mask, count, problem }
}

/** A column by the name that a person writes: a parameter, a metric's best, `metric.last`, the objective, or a key. */
export function named(trials: Trials, name: string, names: Names): Column | undefined {
  const dot = name.lastIndexOf('.')
  const place = names.objectives.indexOf(name)
  const keys = [
    `p:${name}`,
    ...(name === names.objective ? ['objective'] : []),
    ...(place >= 0 ? [`o:${place}`] : []),
    `m:${name}:best`,
    ...(dot > 0 ? [`m:${name.slice(0, dot)}:${name.slice(dot + 1)}`] : []),
    { trial: 'number', tag: 'tags' }[name] ?? name,
  ]
  for (const key of keys) {
    const column = columnOf(trials, key, names)
    if (column) return column
  }
  return undefined
}

/** The selected rows in order. Rows without a value come last both ways; equals stay in the order of their numbers. */
export function order(trials: Trials, mask: Uint8Array, sorts: Sort[], names: Names): Uint32Array {
  const rows = new Uint32Array(mask.reduce((sum, one) => sum + one, 0))
  let filled = 0
  for (let row = 0; row < mask.length; row++) if (mask[row]) rows[filled++] = row
  const keys = sorts.flatMap((sort) => {
    const column = columnOf(trials, sort.key, names)
    return column ? [{ values: ranked(column), sign: sort.down ? -1 : 1 }] : []
  })
  const numbers = trials.number.values
  return rows.sort((a, b) => {
    for (const { values, sign } of keys) {
      const x = values[a]!
      const y = values[b]!
      if (x === y) continue
      const [noX, noY] = [Number.isNaN(x), Number.isNaN(y)]
      if (noX && noY) continue
      if (noX) return 1
      if (noY) return -1
      return x < y ? -sign : sign
    }
    return numbers[a]! - numbers[b]!
  })
}

/** Words by the alphabet, others by value. */
function ranked(column: Column): Float64Array {
  if (!column.words) return column.values
  const places = column.words.map((word, place) => ({ word, place })).sort((a, b) => (a.word < b.word ? -1 : 1))
  const rank = new Float64Array(places.length)
  places.forEach(({ place }, i) => (rank[place] = i))
  return column.values.map((value) => (Number.isNaN(value) ? NaN : rank[value]!))
}

function clear(mask: Uint8Array, column: Column, brush: Brush): void {
  const { values } = column
  if ('words' in brush) {
    const wanted = new Set(brush.words.map((word) => column.words?.indexOf(word) ?? -1))
    for (let row = 0; row < mask.length; row++) if (!wanted.has(values[row]!)) mask[row] = 0
    return
  }
  for (let row = 0; row < mask.length; row++) {
    const value = values[row]!
    if (!(value >= brush.from && value <= brush.to)) mask[row] = 0
  }
}

/** The brushes with one more, which takes the place of an older one on the same column; null takes it away. */
export function brushed(brushes: Brush[], key: string, brush: Brush | null): Brush[] {
  const others = brushes.filter((one) => one.key !== key)
  return brush ? [...others, brush] : others
}

/** A header was clicked: it alone sorts, the other way if it did already; with `more` it joins the others. */
export function clicked(sorts: Sort[], key: string, more: boolean): Sort[] {
  const old = sorts.find((sort) => sort.key === key)
  const turned = { key, down: old ? !old.down : false }
  if (!more) return [turned]
  return old ? sorts.map((sort) => (sort === old ? turned : sort)) : [...sorts, turned]
}

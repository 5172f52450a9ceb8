/** The trials of a sweep as columns: what the page holds of 10,000 of them is some megabytes of typed arrays. */
import { Goal } from '../../wire/sweep/v1/model_pb'
import type { TrialTable } from '../../wire/sweep/v1/dashboard_pb'
import * as column from './column'

/** Numbers that grow. */
export class Numbers {
  values = new Float64Array(0)

  reserve(rows: number): void {
    if (rows <= this.values.length) return
    const grown = new Float64Array(Math.max(rows, this.values.length * 2, 64)).fill(NaN)
    grown.set(this.values)
    this.values = grown
  }
}

/** Words that grow; `values` are places in `words`, NaN where there is none. */
export class Words extends Numbers {
  words: string[] = []
  readonly #places = new Map<string, number>()

  place(word: string | null): number {
    if (word === null) return NaN
    let place = this.#places.get(word)
    if (place === undefined) {
      place = this.words.push(word) - 1
      this.#places.set(word, place)
    }
    return place
  }
}

export interface Param {
  varying: boolean
  log: boolean
  held: Numbers | Words
}

/** What of a metric a column shows. */
export type Aspect = 'best' | 'last' | 'min' | 'max'
export const ASPECTS: Aspect[] = ['best', 'last', 'min', 'max']

interface Metric {
  last: Numbers
  min: Numbers
  max: Numbers
}

export class Trials {
  rows = 0
  /** Ask or watch from here. */
  change = 0n
  /** How many there are at the controller. */
  total = 0
  readonly number = new Numbers()
  readonly state = new Numbers()
  readonly objective = new Numbers()
  readonly attempts = new Numbers()
  readonly started = new Numbers()
  readonly finished = new Numbers()
  readonly steps = new Numbers()
  readonly agent = new Words()
  readonly reason = new Words()
  /** Of each row all tags in one word, joined by commas. */
  readonly tags = new Words()
  readonly objectives: Numbers[] = []
  readonly params = new Map<string, Param>()
  readonly metrics = new Map<string, Metric>()
  readonly leftOut = new Set<string>()
  readonly #row = new Map<number, number>()

  constructor(readonly goal: Goal) {}

  /** The row of a trial by its number. */
  row(number: number): number | undefined {
    return this.#row.get(number)
  }

  /** Takes over rows that are new or changed, and gives where they are now. */
  apply(table: TrialTable): Uint32Array {
    const count = table.rows
    const given = column.numbers(table.numbers, count)
    const at = new Uint32Array(count)
    for (let i = 0; i < count; i++) {
      const number = given[i]!
      let row = this.#row.get(number)
      if (row === undefined) this.#row.set(number, (row = this.rows++))
      at[i] = row
    }
    if (table.change > this.change) this.change = table.change
    this.total = Number(table.total)
    this.#put(this.number, given, at)
    this.#put(this.state, Float64Array.from(table.states), at)
    this.#put(this.objective, column.numbers(table.objective, count), at)
    this.#put(this.attempts, column.numbers(table.attempts, count), at)
    this.#put(this.started, column.numbers(table.startedAtMs, count), at)
    this.#put(this.finished, column.numbers(table.finishedAtMs, count), at)
    this.#put(this.steps, column.numbers(table.steps, count), at)
    this.#putWords(this.agent, column.words(table.agents, count), at)
    this.#putWords(this.reason, column.words(table.reasons, count), at)
    this.#putWords(this.tags, column.words(table.tags, count), at)
    table.objectives.forEach((values, i) => this.#put((this.objectives[i] ??= new Numbers()), column.numbers(values, count), at))
    for (const given of table.params) this.#param(given, at)
    for (const given of table.metrics) {
      let metric = this.metrics.get(given.name)
      if (!metric) this.metrics.set(given.name, (metric = { last: new Numbers(), min: new Numbers(), max: new Numbers() }))
      for (const aspect of ['last', 'min', 'max'] as const) this.#put(metric[aspect], column.numbers(given[aspect], count), at)
      this.leftOut.delete(given.name)
    }
    for (const name of table.metricsLeftOut) if (!this.metrics.has(name)) this.leftOut.add(name)
    return at
  }

  /** The values of a metric; the best is the lowest or highest by the objective's goal. */
  metric(name: string, aspect: Aspect): Float64Array | undefined {
    const metric = this.metrics.get(name)
    if (!metric) return undefined
    const which = aspect === 'best' ? (this.goal === Goal.MAXIMIZE ? 'max' : 'min') : aspect
    metric[which].reserve(this.rows)
    return metric[which].values
  }

  #param(given: TrialTable['params'][number], at: Uint32Array): void {
    let param = this.params.get(given.name)
    if (!param) {
      param = { varying: given.varying, log: given.log, held: given.values.case === 'words' ? new Words() : new Numbers() }
      this.params.set(given.name, param)
    }
    param.varying = given.varying
    if (given.values.case === 'words' && !(param.held instanceof Words)) param.held = worded(param.held, this.rows)
    if (param.held instanceof Words) {
      const held = param.held
      const texts = given.values.case === 'words'
        ? column.words(given.values.value, at.length)
        : Array.from(column.numbers(given.values.value as never, at.length), (value) => spelled(held, value))
      this.#putWords(held, texts, at)
    } else if (given.values.case === 'numbers') {
      this.#put(param.held, column.numbers(given.values.value, at.length), at)
    }
    param.log = given.log || (given.varying && !(param.held instanceof Words) && isLadder(param.held.values.subarray(0, this.rows)))
  }

  #put(into: Numbers, values: Float64Array, at: Uint32Array): void {
    into.reserve(this.rows)
    for (let i = 0; i < at.length; i++) into.values[at[i]!] = values[i]!
  }

  #putWords(into: Words, values: (string | null)[], at: Uint32Array): void {
    into.reserve(this.rows)
    for (let i = 0; i < at.length; i++) into.values[at[i]!] = into.place(values[i]!)
  }
}

/** A column that turns out to hold words too. */
function worded(from: Numbers, rows: number): Words {
  const to = new Words()
  to.reserve(rows)
  from.values.forEach((value, row) => (to.values[row] = Number.isNaN(value) ? NaN : to.place(String(value))))
  return to
}

/** Whether these are few different values over zero, each of several trials, that span decades, as a list of learning rates does:
 *  a list has no scale in the sweep file, and is drawn on a logarithmic one. */
function isLadder(values: Float64Array): boolean {
  const seen = new Set<number>()
  let count = 0
  for (const value of values) {
    if (Number.isNaN(value)) continue
    count += 1
    if (seen.has(value)) continue
    if (value <= 0 || seen.size >= 30) return false
    seen.add(value)
  }
  return seen.size >= 3 && count >= 2 * seen.size && Math.max(...seen) / Math.min(...seen) >= 50
}

/** The word that a number already goes by, `0.10` for 0.1. */
function spelled(held: Words, value: number): string | null {
  if (Number.isNaN(value)) return null
  return held.words.find((word) => word.trim() !== '' && Number(word) === value) ?? String(value)
}

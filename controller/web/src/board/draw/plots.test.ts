import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'

import { CurveNewsSchema, NumberColumnSchema, NumberEncoding } from '../../wire/sweep/v1/dashboard_pb'
import { Goal, TrialState } from '../../wire/sweep/v1/model_pb'
import { timeline } from '../data/attempts'
import type { Column } from '../data/columns'
import { Trials } from '../data/trials'
import { grown } from '../trial/held'
import { history } from './history'
import { brushOf, drawn, MOST, place, ranks } from './parallel'
import { barAt, marks } from './timeline'

/** Trials with these objectives, numbered from 1. */
function trials(objectives: number[], goal = Goal.MAXIMIZE): Trials {
  const made = new Trials(goal)
  made.rows = objectives.length
  for (const column of [made.number, made.state, made.objective, made.started, made.finished, made.agent]) column.reserve(made.rows)
  objectives.forEach((value, row) => {
    made.number.values[row] = row + 1
    made.state.values[row] = TrialState.FINISHED
    made.objective.values[row] = value
  })
  return made
}

test('the best so far never gets worse, and a failed trial is never the best', () => {
  const made = trials([0.5, 0.9, 0.4, NaN, 0.6])
  made.state.values[1] = TrialState.FAILED
  const shown = history(made)
  expect([...shown.numbers]).toEqual([1, 2, 3, 5])
  expect([...shown.best]).toEqual([0.5, 0.5, 0.5, 0.6])
  expect([...history(trials([3, 2, 4], Goal.MINIMIZE)).best]).toEqual([3, 2, 2])
})

test('of 10,000 trials the best 500 are drawn, and others of every rank', () => {
  const made = trials(Array.from({ length: 10_000 }, (_, i) => i))
  const rows = drawn(made)
  expect(rows.length).toBe(MOST)
  expect([...rows.subarray(0, 500)]).toEqual(Array.from({ length: 500 }, (_, i) => 9999 - i))
  expect(new Set(rows).size).toBe(MOST)
  expect(Math.min(...rows)).toBeLessThan(10)
  expect(drawn(trials([1, NaN, 3]))).toEqual(Uint32Array.of(2, 0))
})

test('colours go by rank', () => {
  expect([...ranks(trials([10, 1e9, 20]))]).toEqual([0, 1, 0.5])
  expect([...ranks(trials([10, 1e9, 20], Goal.MINIMIZE))]).toEqual([1, 0, 0.5])
})

test('a stretch of an axis is a brush: numbers between, or the words there', () => {
  const made = trials([1, 2])
  const lr: Column = { key: 'p:lr', label: 'lr', kind: 'number', values: Float64Array.of(0.001, 0.1), log: true }
  const net: Column = { key: 'p:net', label: 'net', kind: 'word', values: Float64Array.of(0, 1), words: ['b', 'a'], log: false }
  const [first, second] = place([lr, net], made, { width: 400, height: 246 })
  // The middle of a logarithmic axis is the geometric mean.
  const brush = brushOf(first!, 30, 130)
  expect(brush).toMatchObject({ key: 'p:lr', to: 0.1 })
  expect((brush as { from: number }).from).toBeCloseTo(0.01, 3)
  expect(brushOf(second!, 30, 130)).toEqual({ key: 'p:net', words: ['b'] })
  expect(brushOf(second!, 125, 126)).toBeNull()
})

test('attempts that an agent had at a time are below each other', () => {
  const made = trials([1, 2, 3])
  const attempt = (trial: number, from: number, to: number) => ({ trial, attempt: 1, agent: 'box', devices: '', from, to, end: Number.isNaN(to) ? '' : 'succeeded', reason: '' })
  const shown = timeline([attempt(3, 6000, 7000), attempt(1, 1000, 5000), attempt(2, 2000, NaN)], made, 9000)
  expect(shown.lanes).toMatchObject([{ agent: 'box', depth: 2 }])
  expect(shown.bars.map((bar) => [bar.depth, bar.from, bar.to])).toEqual([[0, 1000, 5000], [1, 2000, 9000], [0, 6000, 7000]])
  expect(barAt(shown, { width: 1000, height: 80 }, 992 - 50, 6 + 20)?.trial).toBe(2)
})

test('marks of a time axis are round moments', () => {
  const noon = new Date(2026, 0, 1, 12).getTime()
  expect(marks(noon + 1, noon + 10 * 60_000, 3).map((at) => (at - noon) / 60_000)).toEqual([5, 10])
})

test('a curve grows by what follows, and is replaced when told so', () => {
  const column = (...values: number[]) => create(NumberColumnSchema, { encoding: NumberEncoding.F64, data: new Uint8Array(Float64Array.from(values).buffer) })
  const news = (replace: boolean, steps: number[]) => create(CurveNewsSchema, { replace, steps: column(...steps), values: column(...steps), epochs: column(...steps), atMs: column(...steps) })
  const first = grown(undefined, news(true, [1, 2]))
  expect([...grown(first, news(false, [3])).steps]).toEqual([1, 2, 3])
  expect([...grown(first, news(true, [9])).steps]).toEqual([9])
  const long = grown(grown(undefined, news(true, Array.from({ length: 4000 }, (_, i) => i))), news(false, [4000]))
  expect(long.steps.length).toBeLessThan(2100)
  expect(long.steps.at(-1)).toBe(4000)
})

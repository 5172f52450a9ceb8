import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'

import { CurveNewsSchema, NumberColumnSchema, NumberEncoding } from '../../wire/sweep/v1/dashboard_pb'
import { Goal, TrialState } from '../../wire/sweep/v1/model_pb'
import { timeline } from '../data/attempts'
import type { Column } from '../data/columns'
import { Trials } from '../data/trials'
import { grown } from '../trial/held'
import { bars, histogram } from './bars'
import { confusion, fields } from './confusion'
import { history, plot } from './history'
import type { Palette } from './palette'
import { axisAt, brushOf, drawn, FRAME, intervalsOf, isOnAxis, MOST, mostAxes, option, ranks } from './parallel'
import { areasOf, brushesOf, pair, slice } from './scatter'
import { heightOf, option as timelineOption } from './timeline'

const COLOURS: Palette = {
  ink: 'ink', soft: 'soft', line: 'line', paper: 'paper', panel: 'panel', accent: 'accent', good: 'good', warn: 'warn', bad: 'bad', isDark: false,
}
/** What a series of an option holds. */
const series = (option: { series?: unknown }, id: string) => (option.series as { id: string; data: number[][] }[]).find((one) => one.id === id)!.data

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

const lr: Column = { key: 'p:lr', label: 'lr', kind: 'number', values: Float64Array.of(0.001, 0.1, 0.01), log: true }
const net: Column = { key: 'p:net', label: 'net', kind: 'word', values: Float64Array.of(0, 1, 0), words: ['b', 'a'], log: false }

test('the history holds each trial once, selected or not, and outliers at the edge', () => {
  const made = plot(history(trials([0.5, NaN, 0.4, -1])), Uint8Array.of(1, 1, 0, 1), 'f1', true, COLOURS)
  const [others, chosen, best] = made.lines
  expect(Array.from(others!.ys)).toEqual([NaN, 0.4, NaN])
  expect(Array.from(chosen!.ys)).toEqual([0.5, NaN, made.y.range[0]])
  expect(Array.from(best!.ys)).toEqual([0.5, 0.5, 0.5])
  expect(made.x).toMatchObject({ whole: true })
})

test('a stretch of an axis is a brush: numbers between, or the words there', () => {
  expect(brushOf(lr, [[0.1, 0.002]])).toEqual({ key: 'p:lr', from: 0.002, to: 0.1 })
  expect(brushOf(lr, [])).toBeNull()
  // By the alphabet from below: a at 0, b at 1.
  expect(brushOf(net, [[0.7, 1.3]])).toEqual({ key: 'p:net', words: ['b'] })
  expect(brushOf(net, [[0.3, 0.6]])).toBeNull()
})

test('a brush is shown where it is, whoever made it', () => {
  const made = trials([1, 2, 3])
  expect(intervalsOf(lr, made, { key: 'p:lr', from: 0.01, to: 7 })).toEqual([[0.01, 0.1]])
  expect(intervalsOf(lr, made, { key: 'p:lr', from: 3, to: 7 })).toEqual([])
  expect(intervalsOf(net, made, { key: 'p:net', words: ['b', 'a', 'gone'] })).toEqual([[-0.25, 1.25]])
  expect(intervalsOf(net, made, undefined)).toEqual([])
})

test('axes are evenly spread, and a click on one belongs to it', () => {
  expect([0, 1, 2].map((place) => axisAt(place, 3, 400))).toEqual([FRAME.left, 200, 400 - FRAME.right])
  expect(isOnAxis(205, 3, 400)).toBe(true)
  expect(isOnAxis(120, 3, 400)).toBe(false)
  expect([0, 390, 1400].map(mostAxes)).toEqual([3, 5, 10])
})

test('parallel lines: what is not selected, what is, and the best on top; words by the alphabet', () => {
  const made = trials([1, 3, 2])
  const drawing = option([lr, net], made, drawn(made), Uint8Array.of(0, 1, 1), ranks(made), { width: 400, height: 240 }, COLOURS)
  expect(series(drawing, 'rest')).toEqual([[0.001, 1, 0]])
  expect(series(drawing, 'step6')).toEqual([[0.01, 1, 2]])
  expect(series(drawing, 'best')).toEqual([[0.1, 0, 1]])
  const without = option([lr, net], made, drawn(made), Uint8Array.of(1, 0, 1), ranks(made), { width: 400, height: 240 }, COLOURS)
  expect([series(without, 'best'), series(without, 'rest')]).toEqual([[], [[0.1, 0, 1]]])
  expect(drawing.parallelAxis).toMatchObject([{ type: 'log', min: 0.001, max: 0.1 }, { type: 'value', axisLabel: { customValues: [0, 1] } }])
})

test('dots of a slice are selected or not, and an outlier is at the edge', () => {
  const made = trials([...Array.from({ length: 9 }, (_, i) => i), 1e9])
  const objective: Column = { key: 'objective', label: 'f1', kind: 'number', values: made.objective.values, log: false }
  const at: Column = { key: 'p:at', label: 'at', kind: 'number', values: Float64Array.from({ length: 10 }, (_, i) => i), log: false }
  const drawing = slice(at, objective, made, Uint8Array.from({ length: 10 }, (_, i) => i % 2), COLOURS)
  expect(series(drawing, 'rest').map((dot) => dot[2])).toEqual([0, 2, 4, 6, 8])
  expect(series(drawing, 'chosen').at(-1)![1]).toBeLessThan(100)
})

test('a pair is coloured by rank, and words lie side by side', () => {
  const made = trials([1, NaN, 3])
  const drawing = pair(lr, net, made, Uint8Array.of(1, 1, 1), ranks(made), COLOURS)
  expect(series(drawing, 'step0').map((dot) => dot[2])).toEqual([0])
  expect(series(drawing, 'step8').map((dot) => dot[2])).toEqual([2])
  expect(Math.abs(series(drawing, 'step8')[0]![1]!)).toBeLessThan(0.3)
})

test('a box over two columns is two brushes, and back', () => {
  const made = trials([1, 2, 3])
  const brushes = brushesOf(lr, net, [[0.02, 0.005], [-0.4, 0.4]])
  expect(brushes).toEqual([{ key: 'p:lr', from: 0.005, to: 0.02 }, { key: 'p:net', words: ['b'] }])
  expect(areasOf(lr, net, made, brushes)).toMatchObject([{ brushType: 'rect', coordRange: [[0.005, 0.02], [-0.4, 0.4]] }])
  expect(areasOf(lr, net, made, brushes.slice(0, 1))).toMatchObject([{ brushType: 'lineX', coordRange: [0.005, 0.02] }])
  expect(areasOf(lr, net, made, [])).toEqual([])
})

test('fields of a confusion matrix are shares of their rows; a row of nothing is none', () => {
  expect(fields([[3, 1], [0, 0]], 2)).toEqual([[0, 0, 0.75, 3], [1, 0, 0.25, 1], [0, 1, 0, 0], [1, 1, 0, 0]])
  expect(confusion(['a', 'b'], [[3, 1], [0, 0]], true, 400, COLOURS)).toMatchObject({ yAxis: { inverse: true, data: ['a', 'b'] } })
})

test('bars have intervals where there is one, and a class that nobody saw has no bar', () => {
  const drawing = bars([{ name: 'a', value: 0.5, low: 0.4, high: 0.6, note: '' }, { name: 'b', value: NaN, low: NaN, high: NaN, note: '–' }], 1, 400, COLOURS)
  expect(series(drawing, 'bars')).toEqual([0.5, '-'])
  expect(series(drawing, 'intervals')).toEqual([[0.4, 0.6, 0]])
  expect(histogram(['x', 'y'], [{ name: 'train', values: [4] }], 300, COLOURS)).toMatchObject({ series: [{ name: 'train', data: [4, 0] }] })
})

test('attempts that an agent had at a time are below each other', () => {
  const made = trials([1, 2, 3])
  const attempt = (trial: number, from: number, to: number) => ({ trial, attempt: 1, agent: 'box', devices: '', from, to, end: Number.isNaN(to) ? '' : 'succeeded', reason: '' })
  const shown = timeline([attempt(3, 6000, 7000), attempt(1, 1000, 5000), attempt(2, 2000, NaN)], made, 9000)
  expect(shown.lanes).toMatchObject([{ agent: 'box', depth: 2 }])
  expect(shown.bars.map((bar) => [bar.depth, bar.from, bar.to])).toEqual([[0, 1000, 5000], [1, 2000, 9000], [0, 6000, 7000]])
  expect(series(timelineOption(shown, Uint8Array.of(1, 1, 1), COLOURS), 'bars')).toEqual([[1000, 5000, 0, 0], [2000, 9000, 1, 1], [6000, 7000, 0, 2]])
  expect(heightOf(shown) - heightOf(timeline([], trials([]), 0))).toBe(16)
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

import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'

import { NumberColumnSchema, NumberEncoding, TrialTableSchema, WordColumnSchema } from '../../wire/sweep/v1/dashboard_pb'
import { Goal, TrialState } from '../../wire/sweep/v1/model_pb'
import { cell, columnOf, defaultColumns } from './columns'
import { brushed, clicked, type Filter, named, order, select } from './selection'
import { Trials, Words } from './trials'

const numbers = (values: number[]) => create(NumberColumnSchema, { encoding: NumberEncoding.F64, data: new Uint8Array(Float64Array.from(values).buffer) })
const words = (values: string[]) => {
  const known = [...new Set(values)]
  return create(WordColumnSchema, { words: known, index: numbers(values.map((value) => known.indexOf(value))) })
}
const NAMES = { objective: 'f1', objectives: [] }

function table(part: MessageInitShape<typeof TrialTableSchema>) {
  return create(TrialTableSchema, { change: 1n, total: 3n, ...part })
}

/** Three trials: 1 finished with 0.5, 2 failed, 3 finished with 0.9. */
function three(): Trials {
  const trials = new Trials(Goal.MAXIMIZE)
  trials.apply(
    table({
      rows: 3, numbers: numbers([1, 2, 3]), states: Uint8Array.of(TrialState.FINISHED, TrialState.FAILED, TrialState.FINISHED),
      objective: numbers([0.5, NaN, 0.9]), startedAtMs: numbers([1000, 2000, 3000]), finishedAtMs: numbers([5000, 2500, 9000]),
      agents: words(['a', 'b', 'a']), reasons: words(['', 'exit code 1', '']),
      params: [
        { name: 'lr', varying: true, log: true, values: { case: 'numbers', value: numbers([0.1, 0.01, 0.001]) } },
        { name: 'net', varying: true, values: { case: 'words', value: words(['big', 'small', 'big']) } },
        { name: 'epochs', varying: false, values: { case: 'numbers', value: numbers([3, 3, 3]) } },
      ],
      metrics: [{ name: 'f1', last: numbers([0.4, NaN, 0.8]), min: numbers([0.1, NaN, 0.2]), max: numbers([0.5, NaN, 0.9]) }],
    }),
  )
  return trials
}
const all: Filter = { states: [], brushes: [], where: '' }
const chosen = (trials: Trials, filter: Partial<Filter>) => {
  const { mask } = select(trials, { ...all, ...filter }, NAMES)
  return Array.from(order(trials, mask, [], NAMES), (row) => trials.number.values[row])
}

test('a trial that is told again is changed in its place, a new one comes behind', () => {
  const trials = three()
  const at = trials.apply(table({ rows: 2, change: 7n, total: 4n, numbers: numbers([2, 4]), states: Uint8Array.of(TrialState.QUEUED, TrialState.QUEUED), objective: numbers([NaN, NaN]) }))
  expect([...at]).toEqual([1, 3])
  expect(trials.rows).toBe(4)
  expect(trials.change).toBe(7n)
  expect(trials.state.values[1]).toBe(TrialState.QUEUED)
  expect(trials.objective.values[2]).toBe(0.9)
})

test('a parameter of numbers that gets a word becomes one of words', () => {
  const trials = three()
  trials.apply(table({ rows: 1, numbers: numbers([4]), states: Uint8Array.of(1), params: [{ name: 'lr', varying: true, values: { case: 'words', value: words(['auto']) } }] }))
  const lr = columnOf(trials, 'p:lr', NAMES)!
  expect([0, 1, 2, 3].map((row) => cell(lr, row))).toEqual(['0.1', '0.01', '0.001', 'auto'])
  trials.apply(table({ rows: 1, numbers: numbers([5]), states: Uint8Array.of(1), params: [{ name: 'lr', varying: true, values: { case: 'numbers', value: numbers([0.1]) } }] }))
  expect((trials.params.get('lr')!.held as Words).words).toHaveLength(4)
})

test('a list of values that spans decades is drawn on a logarithmic axis', () => {
  const trials = new Trials(Goal.MAXIMIZE)
  const param = (name: string, values: number[]) => ({ name, varying: true, values: { case: 'numbers' as const, value: numbers(values) } })
  const twice = (...values: number[]) => [...values, ...values]
  const params = [
    param('lr', twice(0.001, 0.01, 0.1)), param('depth', twice(1, 2, 3)), param('shift', twice(0, 1, 100)),
    // Of a range, and not of a list: hardly a value comes twice.
    param('dropout', [0.007, 0.1, 0.2, 0.3, 0.4, 0.5]),
  ]
  trials.apply(table({ rows: 6, numbers: numbers([1, 2, 3, 4, 5, 6]), states: new Uint8Array(6).fill(5), params }))
  expect(params.map(({ name }) => columnOf(trials, `p:${name}`, NAMES)!.log)).toEqual([true, false, false, false])
})

test('columns before anybody chose leave out what never varies', () => {
  expect(defaultColumns(three(), NAMES)).toEqual(['number', 'state', 'objective', 'p:lr', 'p:net', 'steps', 'time', 'agent', 'reason'])
})

test('the best of a metric goes by the goal', () => {
  const trials = three()
  expect(columnOf(trials, 'm:f1:best', NAMES)!.values[2]).toBe(0.9)
  expect(columnOf(trials, 'm:f1:last', NAMES)!.values[2]).toBe(0.8)
  expect(columnOf(trials, 'm:f1:middle', NAMES)).toBeUndefined()
})

test('states, brushes and expressions are one selection', () => {
  const trials = three()
  expect(chosen(trials, { states: [TrialState.FINISHED] })).toEqual([1, 3])
  expect(chosen(trials, { brushes: [{ key: 'p:lr', from: 0.005, to: 0.2 }] })).toEqual([1, 2])
  expect(chosen(trials, { brushes: [{ key: 'p:lr', from: 0.005, to: 0.2 }, { key: 'p:net', words: ['big'] }] })).toEqual([1])
  expect(chosen(trials, { where: 'f1 > 0.6 or state = failed' })).toEqual([2, 3])
  expect(chosen(trials, { where: 'net = big and not (lr < 1e-2)' })).toEqual([1])
  expect(chosen(trials, { where: 'f1.last >= 0.8' })).toEqual([3])
  expect(chosen(trials, { where: "reason = 'exit code 1'" })).toEqual([2])
  expect(chosen(trials, { where: 'time > 3.5' })).toEqual([1, 3])
})

test('tags are a column where there are any, and a filter looks for one of them', () => {
  const trials = three()
  trials.apply(table({ rows: 2, numbers: numbers([1, 3]), states: Uint8Array.of(TrialState.FINISHED, TrialState.FINISHED), tags: words(['best,paper', 'bests']) }))
  expect(defaultColumns(trials, NAMES)).toContain('tags')
  const tags = columnOf(trials, 'tags', NAMES)!
  expect([0, 1, 2].map((row) => cell(tags, row))).toEqual(['best, paper', '', 'bests'])
  expect(chosen(trials, { where: 'tag = best' })).toEqual([1])
  expect(chosen(trials, { where: 'tags = paper or tag = bests' })).toEqual([1, 3])
  expect(chosen(trials, { where: 'tag != best' })).toEqual([2, 3])
  expect(select(trials, { ...all, where: 'tag > best' }, NAMES).problem).toContain('= and !=')
  // A tag that was taken away.
  trials.apply(table({ rows: 1, numbers: numbers([1]), states: Uint8Array.of(TrialState.FINISHED), tags: create(WordColumnSchema, { words: [], index: numbers([NaN]) }) }))
  expect(chosen(trials, { where: 'tag = best' })).toEqual([])
})

test('an expression that cannot be read says where, and selects everything', () => {
  const trials = three()
  const said = (where: string) => select(trials, { ...all, where }, NAMES)
  expect(said('lr <').problem).toBe('a value is missing at character 5')
  expect(said('lrr < 1').problem).toContain('no column `lrr`')
  expect(said('lr < big').problem).toContain('is a number')
  expect(said('(lr < 1').problem).toContain('bracket')
  expect(said('lr < 1 lr').problem).toContain('not expected')
  expect(said('lr < 1 )').problem).toContain('not expected')
  expect(said('lr <').count).toBe(3)
})

test('rows are sorted by several keys, those without a value last both ways', () => {
  const trials = three()
  const mask = new Uint8Array(3).fill(1)
  const by = (...sorts: { key: string; down: boolean }[]) => Array.from(order(trials, mask, sorts, NAMES), (row) => trials.number.values[row])
  expect(by({ key: 'objective', down: true })).toEqual([3, 1, 2])
  expect(by({ key: 'objective', down: false })).toEqual([1, 3, 2])
  expect(by({ key: 'p:net', down: false }, { key: 'p:lr', down: false })).toEqual([3, 1, 2])
})

test('a head clicked again turns, and with shift joins', () => {
  expect(clicked([], 'a', false)).toEqual([{ key: 'a', down: false }])
  expect(clicked([{ key: 'a', down: false }], 'a', false)).toEqual([{ key: 'a', down: true }])
  expect(clicked([{ key: 'a', down: true }], 'b', true)).toEqual([{ key: 'a', down: true }, { key: 'b', down: false }])
})

test('a brush takes the place of the one on its axis', () => {
  const one = { key: 'a', from: 1, to: 2 }
  expect(brushed([one], 'a', { key: 'a', from: 3, to: 4 })).toEqual([{ key: 'a', from: 3, to: 4 }])
  expect(brushed([one], 'a', null)).toEqual([])
})

test('a name means a parameter first, then a metric, then a column', () => {
  const trials = three()
  expect(named(trials, 'lr', NAMES)?.key).toBe('p:lr')
  expect(named(trials, 'f1', NAMES)?.key).toBe('objective')
  expect(named(trials, 'trial', NAMES)?.key).toBe('number')
})

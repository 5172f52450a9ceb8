import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'

import { Goal, SweepSchema, SweepState, TrialSchema, TrialState } from '../../wire/sweep/v1/model_pb'
import { effectOf, verbsOf } from '../sweep/verbs'
import { pieces } from './ansi'
import { ago, short, span } from './columns'
import { compared } from './compare'
import { readDataset } from './dataset'
import { eta } from './progress'
import { csv, json } from './save'
import { classScores, scoresOf, wilson } from './scores'
import { Trials } from './trials'
import { paramRows, verdictRows } from './why'

test('numbers, lengths and ages are short', () => {
  expect([0.73123, 4.1e-4, 1e-5, 0, 12345678, NaN, -0.5].map(short)).toEqual(['0.7312', '4.1e-4', '1e-5', '0', '1.23e7', '–', '-0.5'])
  expect([850, 6200, 362_000, 11_100_000, 187_200_000].map(span)).toEqual(['850ms', '6.2s', '6m02s', '3h05m', '2d4h'])
  expect([0, 59_000, 61_000, 7_200_000].map((ms) => ago(0, ms))).toEqual(['now', '59 s ago', '1 min ago', '2 h ago'])
})

test('a sheet becomes CSV that spreadsheets read, and JSON', () => {
  const sheet = { head: ['a', 'b "c"'], rows: [[1.5, 'x,y'], [NaN, 'two\nlines']] }
  expect(csv(sheet)).toBe('a,"b ""c"""\r\n1.5,"x,y"\r\n,"two\nlines"\r\n')
  expect(JSON.parse(json(sheet))).toEqual({ schema: 'sweep.v1', items: [{ a: 1.5, 'b "c"': 'x,y' }, { a: null, 'b "c"': 'two\nlines' }] })
})

test('a verb says what it does to the trials that run now', () => {
  const sweep = create(SweepSchema, { id: 'a', name: 'scan', state: SweepState.RUNNING, counts: { active: 2n, queued: 3n, failed: 1n }, plannedTrials: 20n })
  expect(verbsOf(sweep)).toEqual(['pause', 'stop', 'cancel', 'retry', 'extend'])
  expect(effectOf('pause', sweep).lines[0]).toBe('No new trial starts. 2 trials that run now go on to the end.')
  expect(effectOf('cancel', sweep)).toMatchObject({ button: 'Cancel and kill 2', danger: true })
  expect(effectOf('cancel', sweep).lines[0]).toBe('2 trials that run now are killed at once, and no new trial starts any more.')
  expect(effectOf('stop', sweep).lines[1]).toBe('3 trials that nobody has begun are withdrawn.')
  expect(effectOf('retry', sweep).lines[0]).toContain('1 trial that failed is queued again')
  const done = create(SweepSchema, { state: SweepState.FINISHED, plannedTrials: 20n })
  expect(verbsOf(done)).toEqual(['extend'])
  expect(effectOf('extend', done).lines[0]).toContain('It is opened again.')
  expect(verbsOf(create(SweepSchema, { state: SweepState.CANCELLED, plannedTrials: 20n, counts: { failed: 1n } }))).toEqual([])
})

test('the time left goes by the pace and by how many run at a time', () => {
  const trials = new Trials(Goal.MINIMIZE)
  trials.rows = 2
  for (const column of [trials.number, trials.state, trials.started, trials.finished]) column.reserve(2)
  trials.state.values.set([TrialState.FINISHED, TrialState.RUNNING])
  trials.started.values.set([0.5, 10_000])
  trials.finished.values.set([10_000, NaN])
  const sweep = create(SweepSchema, { state: SweepState.RUNNING, plannedTrials: 5n, counts: { finished: 1n, active: 1n } })
  expect(eta(sweep, trials, 12_000)).toBeCloseTo(4 * 9_999.5 - 2_000)
  expect(eta(create(SweepSchema, { ...sweep, state: SweepState.PAUSED }), trials, 12_000)).toBeUndefined()
})

test('colours of a log are kept, other sequences are not', () => {
  expect(pieces('a\u001b[1;31mred\u001b[0m b\u001b[2Kc')).toEqual([{ text: 'a' }, { text: 'red', colour: 1, bold: true }, { text: ' b' }, { text: 'c' }])
})

test('what a trial told of its heads, and intervals around it', () => {
  const value = { split: 'validation', images: 10, heads: { sex: { classes: ['m', 'f'], confusion: [[8, 2], [0, 0]], macro_f1: 0.4, accuracy: 0.8 } } }
  const media = (step: bigint, valueJson: string) => ({ $typeName: 'sweep.v1.MediaRecord' as const, name: 'validation-scores', step, valueJson })
  const [scores] = scoresOf([media(1n, '{}'), media(9n, JSON.stringify(value)), media(3n, 'broken')])
  expect(scores?.step).toBe(9)
  const [m, f] = classScores(scores!.heads['sex']!)
  expect(m).toMatchObject({ support: 10, precision: 1, recall: 0.8 })
  expect(m!.f1).toBeCloseTo(16 / 18)
  expect(m!.low).toBeLessThan(m!.f1)
  expect(m!.high).toBeGreaterThan(m!.f1)
  expect(f!.support).toBe(0)
  // Wilson (1927): 8 of 10 at 95 %.
  expect(wilson(8, 10)[0]).toBeCloseTo(0.4902, 3)
  expect(wilson(8, 10)[1]).toBeCloseTo(0.9433, 3)
  expect(scoresOf([media(1n, 'broken')])).toEqual([])
})

test('trials beside each other show what differs, and which is better', () => {
  const sweep = create(SweepSchema, { objectiveName: 'loss', goal: Goal.MINIMIZE })
  const trial = (number: bigint, objective: number, lr: number) => create(TrialSchema, { number, objective, state: TrialState.FINISHED, paramsJson: JSON.stringify({ lr, net: { depth: 3 } }) })
  const [result, params] = compared([trial(1n, 0.5, 0.1), trial(2n, 0.2, 0.3)], sweep, true)
  expect(result!.rows).toMatchObject([{ name: 'loss', values: [0.5, 0.2], best: 1 }])
  expect(params).toMatchObject({ rows: [{ name: 'lr', values: ['0.1', '0.3'] }], same: 1 })
  expect(compared([trial(1n, 0.5, 0.1), trial(2n, 0.2, 0.3)], sweep, false)[1]!.rows.map((row) => row.name)).toEqual(['lr', 'net.depth'])
})

test('what the stop rule said is told row by row', () => {
  expect(verdictRows('{"Stop":{"rule":"asha","rung":3,"value":0.41,"others":null}}')).toEqual([['Stop rule', 'asha'], ['Stop rung', '3'], ['Stop value', '0.41']])
  expect(verdictRows('')).toEqual([])
  expect(paramRows('{"a":1,"b":{"c":"x","d":[1,2]}}')).toEqual([['a', '1'], ['b.c', 'x'], ['b.d', '[1,2]']])
})

test('what is left out of a data set counts as nothing', () => {
  const read = readDataset('{"files": 3, "splits": {"train": 2}, "histograms": {"sex": {"classes": ["m", "f"], "train": [1, 1]}}}')
  expect(read).toMatchObject({ files: 3, malformedTotal: 0, duplicates: { groups: 0 }, histograms: [{ head: 'sex', groups: [{ name: 'train', values: [1, 1] }] }] })
  expect(readDataset('broken')).toBeNull()
})

test('splits come in the order of their use, others after them', () => {
  const read = readDataset('{"splits": {"odd": 1, "test": 2, "train": 3, "validation": 4}}')
  expect(Object.entries(read!.splits)).toEqual([['train', 3], ['validation', 4], ['test', 2], ['odd', 1]])
})

test('a metric that is not the objective is compared by both its ends', () => {
  const trial = (number: bigint, max: number) => create(TrialSchema, { number, objective: max, metrics: [{ name: 'f1', max }, { name: 'loss', min: 0.1, max, last: 0.2 }] })
  const sweep = create(SweepSchema, { objectiveName: 'f1', goal: Goal.MAXIMIZE })
  const [result, metrics] = compared([trial(1n, 0.5), trial(2n, 0.6)], sweep, false)
  const said = (section = result) => section!.rows.map((row) => [row.name, row.best, row.differs])
  expect(said()).toEqual([['f1', 1, true]])
  expect(said(metrics)).toEqual([['loss min', -1, false], ['loss max', -1, true], ['loss last', -1, false]])
  expect(compared([trial(1n, 0.5), trial(2n, 0.6)], sweep, true)[1]).toMatchObject({ title: 'Metrics', same: 2, rows: [{ name: 'loss max' }] })
})

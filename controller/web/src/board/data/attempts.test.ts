import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'

import { AttemptTableSchema, NumberColumnSchema, NumberEncoding, WordColumnSchema } from '../../wire/sweep/v1/dashboard_pb'
import { Goal } from '../../wire/sweep/v1/model_pb'
import { Attempts, timeline } from './attempts'
import { Trials } from './trials'

const numbers = (...values: number[]) => create(NumberColumnSchema, { encoding: NumberEncoding.F64, data: new Uint8Array(Float64Array.from(values).buffer) })
const words = (...given: string[]) => create(WordColumnSchema, { words: given, index: numbers(...given.map((word, i) => (word === '' ? NaN : i))) })
const table = (change: bigint, trials: number[], attempts: number[], to: number[], ends: string[]) =>
  create(AttemptTableSchema, {
    change, rows: trials.length, trials: numbers(...trials), attempts: numbers(...attempts), agents: words(...trials.map((trial) => `box-${trial}`)), devices: words(...trials.map(() => '')),
    startedAtMs: numbers(...attempts.map((attempt) => attempt * 1000)), endedAtMs: numbers(...to), ends: words(...ends), reasons: words(...ends),
  })

test('a trial that was run again has a bar for each attempt, and what ended meanwhile takes the place of what ran', () => {
  const attempts = new Attempts()
  attempts.apply(table(5n, [7, 4], [1, 1], [NaN, 1500], ['', 'lost']))
  attempts.apply(table(9n, [7, 7], [2, 1], [NaN, 1800], ['', 'failed']))
  expect(attempts.change).toBe(9n)
  const { bars, lanes } = timeline(attempts.all, new Trials(Goal.MAXIMIZE), 3000)
  expect(lanes.map((lane) => lane.agent)).toEqual(['box-4', 'box-7'])
  expect(bars.map((bar) => [bar.trial, bar.attempt, bar.from, bar.to, bar.look.word])).toEqual([
    [4, 1, 1000, 1500, 'lost'],
    [7, 1, 1000, 1800, 'failed'],
    [7, 2, 2000, 3000, 'running'],
  ])
})

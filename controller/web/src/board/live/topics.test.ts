import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'

import { WatchAllResponseSchema } from '../../wire/sweep/v1/dashboard_pb'
import { Topics } from './topics'

const table = (id: number, since: bigint) => ({ kind: 'table' as const, sweep: 'a', since, id })

test('two tabs that follow the same sweep are one question', () => {
  const topics = new Topics()
  expect(topics.want('one', [table(1, 5n)])).toBe(true)
  expect(topics.want('two', [table(1, 9n)])).toBe(false)
  expect(topics.request().tables).toMatchObject([{ sweep: 'a', since: 5n }])
  expect([...topics.followers('table a')]).toEqual(['one', 'two'])
})

test('a tab that holds less than was told makes the stream begin anew', () => {
  const topics = new Topics()
  topics.want('one', [table(1, 5n)])
  topics.told(create(WatchAllResponseSchema, { news: { case: 'table', value: { sweep: { id: 'a' }, table: { change: 8n } } } }))
  expect(topics.request().tables[0]?.since).toBe(8n)
  expect(topics.want('two', [table(1, 6n)])).toBe(true)
  expect(topics.request().tables[0]?.since).toBe(6n)
})

test('a stream that broke goes on where it was', () => {
  const topics = new Topics()
  topics.want('one', [{ kind: 'curves', trial: 'a/1', id: 1 }, { kind: 'log', trial: 'a/1', after: 3n, id: 2 }])
  topics.told(create(WatchAllResponseSchema, { news: { case: 'curve', value: { trial: 'a/1', metric: 'loss', total: 20n, lastStep: 19n, lastAtMs: 5n } } }))
  topics.told(create(WatchAllResponseSchema, { news: { case: 'log', value: { trial: 'a/1', lines: [{ seq: 9n }] } } }))
  const request = topics.request()
  expect(request.curves[0]?.held).toMatchObject([{ metric: 'loss', total: 20n, lastStep: 19n }])
  expect(request.logs[0]?.after).toBe(9n)
})

test('a follower that comes after another one of the same curves is told from the beginning', () => {
  const topics = new Topics()
  topics.want('one', [{ kind: 'curves', trial: 'a/1', id: 1 }])
  topics.told(create(WatchAllResponseSchema, { news: { case: 'curve', value: { trial: 'a/1', metric: 'loss', total: 20n } } }))
  expect(topics.want('one', [{ kind: 'curves', trial: 'a/1', id: 1 }])).toBe(false)
  expect(topics.want('one', [{ kind: 'curves', trial: 'a/1', id: 2 }])).toBe(true)
  expect(topics.request().curves[0]?.held).toEqual([])
})

test('when all tabs are hidden there is nothing to ask', () => {
  const topics = new Topics()
  topics.want('one', [{ kind: 'sweeps', id: 1 }])
  expect(topics.want('one', [])).toBe(true)
  expect(topics.isEmpty).toBe(true)
})

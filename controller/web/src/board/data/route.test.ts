import { expect, test } from 'vitest'

import { CURVES, href, parse, queryOf, type View, viewOf } from './route'

const VIEW: View = {
  filter: { states: [5, 7], brushes: [{ key: 'p:lr', from: 1e-5, to: 0.001 }, { key: 'p:net~a=b', words: ['a,b', 'c|d'] }], where: 'f1 > 0.7 and lr < 1e-3' },
  sorts: [{ key: 'objective', down: true }, { key: 'p:a,b', down: false }],
  columns: ['number', 'm:val/f1:last'],
  marked: [3, 7],
  curves: { metric: 'val f1', axis: 'epoch', logX: true, logY: true, smoothing: 0.5, top: 20 },
  zoom: [-2.5, 1e6],
  logHistory: true,
  pair: ['p:lr', 'p:a&b=c'],
  heads: 4,
  split: 'test',
  counts: true,
}

test('a view survives the address, whatever names hold', () => {
  const { place, view } = parse(href({ page: 'sweep', sweep: 'k3x9q2ab', tab: 'curves' }, queryOf(VIEW)))
  expect(place).toEqual({ page: 'sweep', sweep: 'k3x9q2ab', tab: 'curves' })
  expect(viewOf(view)).toEqual(VIEW)
})

test('an empty view leaves the address short', () => {
  const empty = viewOf(new URLSearchParams())
  expect(empty.curves).toEqual(CURVES)
  expect(href({ page: 'sweep', sweep: 'k3x9q2ab', tab: 'trials' }, queryOf(empty))).toBe('#/sweeps/k3x9q2ab')
})

test('places', () => {
  expect(parse('').place).toEqual({ page: 'sweeps' })
  expect(parse('#/agents').place).toEqual({ page: 'agents' })
  expect(parse('#/sweeps/a/trials/7').place).toEqual({ page: 'trial', sweep: 'a', number: 7 })
  expect(parse('#/sweeps/a/compare/1,2,x').place).toEqual({ page: 'compare', sweep: 'a', numbers: [1, 2] })
  expect(parse('#/sweeps/a/dataset').place).toEqual({ page: 'dataset', sweep: 'a' })
  expect(parse('#/sweeps/a/trials/none').place).toEqual({ page: 'unknown' })
  expect(parse('#/nowhere').place).toEqual({ page: 'unknown' })
})

test('a broken view is a plain one', () => {
  const view = viewOf(new URLSearchParams('brush=x&brush=y~a~b&top=-3&smooth=7&axis=moon&zoom=3~x'))
  expect(view.filter.brushes).toEqual([])
  expect(view.zoom).toBeNull()
  expect(view.curves).toMatchObject({ top: 1, smoothing: 0.99, axis: 'step' })
})

import { expect, test } from 'vitest'

import { nearest, smooth } from './curves'
import { usual } from './history'
import { SvgPen } from './pen'
import { extent, scale, ticks } from './scale'

test('marks are round numbers within the axis', () => {
  expect(ticks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
  expect(ticks(-3, 12, 4)).toEqual([0, 5, 10])
  expect(scale(1e-5, 1e-2, 0, 100, true).ticks).toEqual([1e-5, 1e-4, 1e-3, 1e-2])
})

test('a scale goes there and back', () => {
  for (const one of [scale(2, 8, 10, 110), scale(1e-4, 1, 200, 0, true)]) {
    expect(one.value(one.at(3e-1))).toBeCloseTo(0.3)
  }
  expect(scale(0.5, 0.5, 0, 10).at(0.5)).toBeCloseTo(5)
  expect(scale(1, 10, 0, 10, true).at(-1)).toBeNaN()
})

test('an extent passes over what is not finite, and below zero on a logarithmic axis', () => {
  expect(extent([[NaN, 2, Infinity, -1]])).toEqual([-1, 2])
  expect(extent([[0, -1, 3]], true)).toEqual([3, 3])
  expect(extent([[NaN]])).toBeUndefined()
})

test('one value far out does not flatten the rest', () => {
  const [, high] = usual(Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 1e9))!
  expect(high).toBeLessThan(30)
})

test('smoothing begins at the first value and keeps gaps', () => {
  const smoothed = smooth(Float64Array.of(4, NaN, 2), 0.5)
  expect(smoothed[0]).toBe(4)
  expect(smoothed[1]).toBeNaN()
  expect(smoothed[2]).toBeGreaterThan(2)
  expect(smoothed[2]).toBeLessThan(3)
})

test('the nearest curve is found by height at the place', () => {
  const x = scale(0, 10, 0, 100)
  const y = scale(0, 10, 100, 0)
  const curve = (name: string, height: number) => ({ name, colour: '', xs: Float64Array.of(0, 5, 10), ys: Float64Array.of(height, height, height) })
  const found = nearest([curve('low', 1), curve('high', 8)], { x, y } as never, 48, 25)
  expect(found).toMatchObject({ curve: { name: 'high' }, point: 1 })
})

test('an SVG breaks a line where there is nothing, and escapes words', () => {
  const pen = new SvgPen(10, 10, '#fff')
  pen.line([0, 1, 2, 3, 4], [0, 1, NaN, 3, 4], { colour: 'red' })
  pen.text(1, 1, 'a<b', { colour: 'red' })
  const file = pen.file('x & y')
  expect(file).toContain('d="M0 0L1 1M3 3L4 4"')
  expect(file).toContain('a&lt;b')
  expect(file).toContain('<title>x &amp; y</title>')
})

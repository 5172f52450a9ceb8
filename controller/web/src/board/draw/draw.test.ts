import { expect, test } from 'vitest'

import { aligned, shapeOf } from './uplot'
import { over, plot, smooth } from './curves'
import { aired, extent, usual } from './extent'
import type { Palette } from './palette'
import { picture } from './picture'
import { type Line, nearest, type Plot } from './plot'

const COLOURS = { ink: 'rgb(1, 2, 3)', soft: 'rgb(4, 5, 6)', isDark: false } as Palette
const LOOK = { x: 'step', y: 'loss', logX: false, logY: false, zoom: null }
const curve = (name: string, xs: number[], ys: number[]) => ({ name, colour: 'red', xs: Float64Array.from(xs), ys: Float64Array.from(ys) })

test('an extent passes over what is not finite, and below zero on a logarithmic axis', () => {
  expect(extent([[NaN, 2, Infinity, -1]])).toEqual([-1, 2])
  expect(extent([[0, -1, 3]], true)).toEqual([3, 3])
  expect(extent([[NaN]])).toBeUndefined()
})

test('one value has air around it too', () => {
  expect(aired([0, 0])).toEqual([-1, 1])
  expect(aired([4, 4], true)).toEqual([2, 8])
  expect(aired([0, 10])).toEqual([-0.5, 10.5])
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

test('a curve over any axis is in order, and points without a place are left out', () => {
  const points = { steps: Float64Array.of(1, 2, 3), values: Float64Array.of(10, 20, 30), epochs: Float64Array.of(0.5, NaN, 0.25), atMs: Float64Array.of(5000, 6000, 9000) }
  expect(over(points, 'step', 0)).toEqual({ xs: points.steps, ys: points.values })
  expect(over(points, 'epoch', 0)).toEqual({ xs: Float64Array.of(0.25, 0.5), ys: Float64Array.of(30, 10) })
  // Seconds begin with the first point of all, which a window may not hold.
  expect([...over(points, 'seconds', 2000).xs]).toEqual([3, 4, 7])
})

test('a zoom shows its stretch, and fits the height to what is in it', () => {
  const one = curve('1', [0, 10, 20, 30], [100, 1, 2, 50])
  expect(plot([one], null, LOOK, COLOURS).y.range[1]).toBeGreaterThan(100)
  const near = plot([one], null, { ...LOOK, zoom: [12, 18] }, COLOURS)
  expect(near.x.range).toEqual([12, 18])
  expect(near.y.range[1]).toBeLessThan(3)
})

test('a band lies behind the curves, whose places in the plot are their own', () => {
  const xs = Float64Array.of(1, 2)
  const made = plot([curve('7', [1], [1])], { xs, low: Float64Array.of(0, 0), middle: Float64Array.of(1, 1), high: Float64Array.of(2, 2) }, LOOK, COLOURS)
  expect(made.lines.map((line) => [line.name, line.isBehind ?? false])).toEqual([['7', false], ['upper end', true], ['lower end', true], ['median', true]])
  expect(made.band).toMatchObject({ upper: 1, lower: 2, colour: 'rgba(4, 5, 6, 0.18)' })
})

const line = (name: string, height: number, more: Partial<Line> = {}): Line => ({ name, colour: 'red', width: 1, shape: 'line', xs: [0, 5, 10], ys: [height, height, height], ...more })
const plotted = (lines: Line[], log = false): Plot => ({ lines, x: { label: '', log, range: [0, 10] }, y: { label: '', log, range: [0, 10] } })

test('the nearest curve is found by height at the place, the nearest dot by distance', () => {
  const toX = (value: number) => value * 10
  const toY = (value: number) => 100 - value * 10
  expect(nearest(plotted([line('low', 1), line('high', 8), line('band', 7.6, { isBehind: true })]), toX, toY, 48, 25)).toEqual({ line: 1, point: 1 })
  expect(nearest(plotted([line('low', 1)]), toX, toY, 48, 25)).toBeNull()
  const dots = plotted([line('others', 5, { shape: 'dots' }), line('selected', NaN, { shape: 'dots' })])
  expect(nearest(dots, toX, toY, 97, 53)).toEqual({ line: 0, point: 2 })
  expect(nearest(dots, toX, toY, 80, 53)).toBeNull()
})

test('lines over different places are one table for uPlot: gaps are null, places of others undefined', () => {
  const made = plotted([line('a', 0, { xs: [1, 3], ys: [5, NaN] }), line('b', 0, { xs: [2, 3], ys: [7, 8] })])
  expect(aligned(made)).toEqual([[1, 2, 3], [5, undefined, null], [undefined, 7, 8]])
  expect(aligned(plotted([]))).toEqual([[]])
})

test('what a logarithmic axis has no place for is left out or a gap', () => {
  expect(aligned(plotted([line('a', 0, { xs: [0, 1, 2], ys: [1, -1, 2] })], true))).toEqual([[1, 2], [null, 2]])
})

test('news of the same curves are data, another colour or axis is another plot', () => {
  const made = plotted([line('a', 1)])
  expect(shapeOf(plotted([line('a', 2, { xs: [1, 2, 3, 4] })]), COLOURS)).toBe(shapeOf(made, COLOURS))
  expect(shapeOf(plotted([line('a', 1)], true), COLOURS)).not.toBe(shapeOf(made, COLOURS))
  expect(shapeOf(made, { ...COLOURS, ink: 'rgb(9, 9, 9)' })).not.toBe(shapeOf(made, COLOURS))
})

test('a picture has the same lines: named if they are few, dashed, stepping, dots, and without gaps where nothing is', () => {
  const made = picture(plotted([line('1', 1, { dash: [6, 3] }), line('2', 2), line('best', 3, { shape: 'steps', isBehind: true }), line('dots', NaN, { shape: 'dots' })]), COLOURS)
  expect(made.legend).toMatchObject({ data: ['1', '2'] })
  expect(made.series).toMatchObject([
    { type: 'line', name: '1', lineStyle: { type: [6, 3] }, data: [[0, 1], [5, 1], [10, 1]] }, { type: 'line', name: '2' }, { type: 'line', step: 'end' }, { type: 'scatter', data: [] },
  ])
  expect(picture(plotted([line('1', 1)]), COLOURS).legend).toBeUndefined()
})

/** A row per agent, a bar per attempt of a trial over the time that it took. */
import type { Timeline } from '../data/attempts'
import { base, type CustomSeriesOption, type Option } from './option'
import type { Palette } from './palette'

const LEFT = 100
const ROW = 16
/** Pixels above the first row and below the last. */
const TOP = 6
const BOTTOM = 26
const rowsOf = (shown: Timeline): number => shown.lanes.reduce((sum, lane) => sum + lane.depth, 0)
export const heightOf = (shown: Timeline): number => TOP + BOTTOM + ROW * Math.max(1, rowsOf(shown))

export function option(shown: Timeline, mask: Uint8Array, colours: Palette): Option {
  const middles = shown.lanes.map((lane) => lane.top + lane.depth / 2)
  return {
    ...base(colours),
    grid: { left: LEFT, right: 14, top: TOP, bottom: BOTTOM },
    xAxis: {
      type: 'time', min: shown.from, max: Math.max(shown.to, shown.from + 1000),
      axisLine: { lineStyle: { color: colours.line } }, splitLine: { show: true, lineStyle: { color: colours.line, opacity: 0.6 } },
      axisLabel: { color: colours.soft, hideOverlap: true },
    },
    yAxis: {
      type: 'value', inverse: true, min: 0, max: Math.max(1, rowsOf(shown)), axisLine: { show: false }, axisTick: { show: false }, splitLine: { show: false },
      axisLabel: {
        color: colours.ink, customValues: middles, width: LEFT - 14, overflow: 'truncate',
        formatter: (value: number) => shown.lanes[middles.indexOf(value)]?.agent ?? '',
      },
    },
    series: [lanes(shown, colours), bars(shown, mask, colours)],
  }
}

/** A line above each agent. */
function lanes(shown: Timeline, colours: Palette): CustomSeriesOption {
  return {
    type: 'custom', id: 'lanes', silent: true, z: 1, data: shown.lanes.map((lane) => [shown.from, lane.top]),
    renderItem: (params, api) => {
      const { x, width } = params.coordSys as unknown as { x: number; width: number }
      const [, y = 0] = api.coord([api.value(0), api.value(1)])
      return { type: 'line', shape: { x1: x, x2: x + width, y1: y, y2: y }, style: { stroke: colours.line } }
    },
  }
}

/** A bar per attempt; its data are the places of `shown.bars`. */
function bars(shown: Timeline, mask: Uint8Array, colours: Palette): CustomSeriesOption {
  const named = { 'good': colours.good, 'accent': colours.accent, 'warn': colours.warn, 'bad': colours.bad, 'ink-soft': colours.soft }
  return {
    type: 'custom', id: 'bars', z: 2, progressive: 0, dimensions: ['from', 'to', 'place', 'bar'], encode: { x: ['from', 'to'], y: 'place' },
    data: shown.bars.map((bar, i) => [bar.from, bar.to, shown.lanes[bar.lane]!.top + bar.depth, i]),
    renderItem: (_, api) => {
      const bar = shown.bars[api.value('bar') as number]!
      const [[from, y], [to]] = [api.coord([api.value('from'), api.value('place')]), api.coord([api.value('to'), api.value('place')])] as [[number, number], [number, number]]
      const width = Math.max(1.5, to - from - 0.5)
      const text = `${bar.look.sign} ${bar.trial}`
      return {
        type: 'rect', shape: { x: from, y: y + 2, width, height: ROW - 4 }, style: { fill: named[bar.look.colour], opacity: bar.row !== undefined && mask[bar.row] ? 0.9 : 0.2 },
        ...(width > 12 + text.length * 6 && { textContent: { type: 'text', style: { text, fill: colours.paper, fontSize: 10 } }, textConfig: { position: 'insideLeft', distance: 4 } }),
      }
    },
  }
}

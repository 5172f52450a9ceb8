/** A row per agent, a bar per trial over the time that its current attempt took. */
import { trialLook } from '../data/states'
import type { Trials } from '../data/trials'
import { base, type CustomSeriesOption, type Option } from './option'
import type { Palette } from './palette'

export interface Lane {
  agent: string
  /** How many trials the agent had at a time: as many rows. */
  depth: number
  top: number
}

export interface Bar {
  row: number
  lane: number
  depth: number
  from: number
  to: number
}

export interface Timeline {
  lanes: Lane[]
  bars: Bar[]
  from: number
  to: number
}

/** Puts trials that an agent had at the same time below each other. */
export function timeline(trials: Trials, now: number): Timeline {
  const rows: number[] = []
  for (let row = 0; row < trials.rows; row++) if (trials.started.values[row]! > 0) rows.push(row)
  rows.sort((a, b) => trials.started.values[a]! - trials.started.values[b]!)
  const lanes: Lane[] = []
  const places = new Map<number, { lane: number; busy: number[] }>()
  const bars = rows.map((row): Bar => {
    const agent = trials.agent.values[row]!
    let place = places.get(agent)
    if (!place) places.set(agent, (place = { lane: lanes.push({ agent: trials.agent.words[agent] ?? 'unknown', depth: 0, top: 0 }) - 1, busy: [] }))
    const from = trials.started.values[row]!
    const ended = trials.finished.values[row]!
    const to = ended > 0 ? Math.max(ended, from) : now
    let depth = place.busy.findIndex((until) => until <= from)
    if (depth < 0) depth = place.busy.length
    place.busy[depth] = to
    lanes[place.lane]!.depth = Math.max(lanes[place.lane]!.depth, depth + 1)
    return { row, lane: place.lane, depth, from, to }
  })
  let top = 0
  for (const lane of lanes) {
    lane.top = top
    top += lane.depth
  }
  const [from, to] = bars.reduce(([a, b], bar) => [Math.min(a, bar.from), Math.max(b, bar.to)], [Infinity, -Infinity])
  return { lanes, bars, from, to }
}

const LEFT = 100
const ROW = 16
/** Pixels above the first row and below the last. */
const TOP = 6
const BOTTOM = 26
const rowsOf = (shown: Timeline): number => shown.lanes.reduce((sum, lane) => sum + lane.depth, 0)
export const heightOf = (shown: Timeline): number => TOP + BOTTOM + ROW * Math.max(1, rowsOf(shown))

export function option(shown: Timeline, trials: Trials, mask: Uint8Array, colours: Palette): Option {
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
    series: [lanes(shown, colours), bars(shown, trials, mask, colours)],
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

/** A bar per trial; its data are the places of `shown.bars`. */
function bars(shown: Timeline, trials: Trials, mask: Uint8Array, colours: Palette): CustomSeriesOption {
  const named = { 'good': colours.good, 'accent': colours.accent, 'warn': colours.warn, 'bad': colours.bad, 'ink-soft': colours.soft }
  return {
    type: 'custom', id: 'bars', z: 2, progressive: 0, dimensions: ['from', 'to', 'place', 'bar'], encode: { x: ['from', 'to'], y: 'place' },
    data: shown.bars.map((bar, i) => [bar.from, bar.to, shown.lanes[bar.lane]!.top + bar.depth, i]),
    renderItem: (_, api) => {
      const bar = shown.bars[api.value('bar') as number]!
      const [[from, y], [to]] = [api.coord([api.value('from'), api.value('place')]), api.coord([api.value('to'), api.value('place')])] as [[number, number], [number, number]]
      const look = trialLook(trials.state.values[bar.row]!)
      const width = Math.max(1.5, to - from - 0.5)
      const text = `${look.sign} ${trials.number.values[bar.row]!}`
      return {
        type: 'rect', shape: { x: from, y: y + 2, width, height: ROW - 4 }, style: { fill: named[look.colour], opacity: mask[bar.row] ? 0.9 : 0.2 },
        ...(width > 12 + text.length * 6 && { textContent: { type: 'text', style: { text, fill: colours.paper, fontSize: 10 } }, textConfig: { position: 'insideLeft', distance: 4 } }),
      }
    },
  }
}

/** A row per agent, a bar per trial over the time that its current attempt took. */
import { clock } from '../data/columns'
import { trialLook } from '../data/states'
import type { Trials } from '../data/trials'
import type { Size } from './axes'
import type { Palette } from './palette'
import type { Pen } from './pen'
import { type Scale, scale } from './scale'

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

const LEFT = 92
export const ROW = 16
export const heightOf = (shown: Timeline): number => 50 + ROW * shown.lanes.reduce((sum, lane) => sum + lane.depth, 0)

export const across = (shown: Timeline, size: Size): Scale => scale(shown.from, Math.max(shown.to, shown.from + 1000), LEFT, size.width - 12)

export function draw(pen: Pen, size: Size, colours: Palette, shown: Timeline, trials: Trials, mask: Uint8Array): void {
  const x = across(shown, size)
  const bottom = size.height - 30
  const day = 86_400_000
  for (const value of marks(x.from, x.to, size.width / 140)) {
    pen.line([x.at(value), x.at(value)], [4, bottom], { colour: colours.line, alpha: 0.6 })
    const date = new Date(value)
    const text = x.to - x.from > day ? clock(value).slice(5, 16) : date.toTimeString().slice(0, 8)
    pen.text(x.at(value), bottom + 6, text, { colour: colours.soft, align: 'center', base: 'top' })
  }
  for (const lane of shown.lanes) {
    const middle = 6 + (lane.top + lane.depth / 2) * ROW
    pen.text(LEFT - 8, middle, lane.agent.slice(0, 14), { colour: colours.ink, align: 'right', base: 'middle' })
    pen.line([LEFT, size.width - 12], [6 + lane.top * ROW, 6 + lane.top * ROW], { colour: colours.line })
  }
  for (const bar of shown.bars) {
    const state = trialLook(trials.state.values[bar.row]!)
    const colour = { 'good': colours.good, 'accent': colours.accent, 'warn': colours.warn, 'bad': colours.bad, 'ink-soft': colours.soft }[state.colour]
    const [from, to] = [x.at(bar.from), x.at(bar.to)]
    const width = Math.max(1.5, to - from - 0.5)
    const y = 6 + (shown.lanes[bar.lane]!.top + bar.depth) * ROW + 2
    pen.rect(from, y, width, ROW - 4, { colour, alpha: mask[bar.row] ? 0.9 : 0.2 })
    const text = `${state.sign} ${trials.number.values[bar.row]!}`
    if (width > 12 + text.length * 6) pen.text(from + 4, y + (ROW - 4) / 2, text, { colour: colours.paper, base: 'middle', size: 10 })
  }
}

const MINUTE = 60_000
const STEPS = [1000, 5000, 15_000, 30_000, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, 60 * MINUTE, 180 * MINUTE, 360 * MINUTE, 720 * MINUTE]

/** Round moments of this place's clock, at most so many or daily ones. */
export function marks(from: number, to: number, most: number): number[] {
  const step = STEPS.find((step) => (to - from) / step <= most) ?? 1440 * MINUTE * Math.ceil((to - from) / (1440 * MINUTE * most))
  const zone = new Date(from).getTimezoneOffset() * MINUTE
  const out: number[] = []
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) out.push(at)
  return out
}

export function barAt(shown: Timeline, size: Size, atX: number, atY: number): Bar | undefined {
  const value = across(shown, size).value(atX)
  const place = Math.floor((atY - 6) / ROW)
  const air = across(shown, size).value(atX + 2) - value
  return shown.bars.find((bar) => shown.lanes[bar.lane]!.top + bar.depth === place && value >= bar.from - air && value <= bar.to + air)
}

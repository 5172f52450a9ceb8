/** A row per agent, a bar per attempt of a trial over the time that it took. */
import type { Bar, Timeline } from '../data/attempts'
import { clock } from '../data/columns'
import type { Size } from './axes'
import type { Palette } from './palette'
import type { Pen } from './pen'
import { type Scale, scale } from './scale'

const LEFT = 92
export const ROW = 16
export const heightOf = (shown: Timeline): number => 50 + ROW * shown.lanes.reduce((sum, lane) => sum + lane.depth, 0)

export const across = (shown: Timeline, size: Size): Scale => scale(shown.from, Math.max(shown.to, shown.from + 1000), LEFT, size.width - 12)

export function draw(pen: Pen, size: Size, colours: Palette, shown: Timeline, mask: Uint8Array): void {
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
    const colour = { 'good': colours.good, 'accent': colours.accent, 'warn': colours.warn, 'bad': colours.bad, 'ink-soft': colours.soft }[bar.look.colour]
    const [from, to] = [x.at(bar.from), x.at(bar.to)]
    const width = Math.max(1.5, to - from - 0.5)
    const y = 6 + (shown.lanes[bar.lane]!.top + bar.depth) * ROW + 2
    pen.rect(from, y, width, ROW - 4, { colour, alpha: bar.row !== undefined && mask[bar.row] ? 0.9 : 0.2 })
    const text = `${bar.look.sign} ${bar.trial}`
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

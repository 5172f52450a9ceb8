/** Every attempt of a sweep's trials, and the bars that they are over time: what each agent did when. */
import type { AttemptTable } from '../../wire/sweep/v1/dashboard_pb'
import * as column from './column'
import { attemptLook, type Look } from './states'
import type { Trials } from './trials'

export interface Attempt {
  trial: number
  attempt: number
  agent: string
  /** Of its slot; empty on a CPU slot, or when not told yet. */
  devices: string
  from: number
  /** NaN while it runs. */
  to: number
  /** How it ended, in a word; empty while it runs. */
  end: string
  reason: string
}

export class Attempts {
  /** Ask from here. */
  change = 0n
  /** The controller has older ones. */
  more = false
  readonly #held = new Map<string, Attempt>()

  /** Takes over attempts that are new or changed. */
  apply(table: AttemptTable): void {
    const numbers = (of: AttemptTable['trials']) => column.numbers(of, table.rows)
    const words = (of: AttemptTable['agents']) => column.words(of, table.rows)
    const [trials, attempts, from, to] = [numbers(table.trials), numbers(table.attempts), numbers(table.startedAtMs), numbers(table.endedAtMs)]
    const [agents, devices, ends, reasons] = [words(table.agents), words(table.devices), words(table.ends), words(table.reasons)]
    for (let i = 0; i < table.rows; i++) {
      const one = { trial: trials[i]!, attempt: attempts[i]!, agent: agents[i] ?? '', devices: devices[i] ?? '', from: from[i]!, to: to[i]!, end: ends[i] ?? '', reason: reasons[i] ?? '' }
      this.#held.set(`${one.trial}/${one.attempt}`, one)
    }
    if (this.change === 0n) this.more = table.more
    if (table.change > this.change) this.change = table.change
  }

  get all(): Attempt[] {
    return [...this.#held.values()]
  }
}

export interface Lane {
  agent: string
  /** How many trials the agent had at a time: as many rows. */
  depth: number
  top: number
}

export interface Bar extends Attempt {
  lane: number
  depth: number
  look: Look
  /** Where the trial is in the table; undefined: it is not there yet. */
  row: number | undefined
}

export interface Timeline {
  lanes: Lane[]
  bars: Bar[]
  from: number
  to: number
}

/** Puts attempts that an agent had at the same time below each other. Those that run go on until `now`. */
export function timeline(attempts: Attempt[], trials: Trials, now: number): Timeline {
  const lanes: Lane[] = []
  const places = new Map<string, { lane: number; busy: number[] }>()
  const bars = attempts.toSorted((a, b) => a.from - b.from || a.trial - b.trial).map((attempt): Bar => {
    const { agent, from } = attempt
    let place = places.get(agent)
    if (!place) places.set(agent, (place = { lane: lanes.push({ agent, depth: 0, top: 0 }) - 1, busy: [] }))
    const to = Math.max(from, Number.isNaN(attempt.to) ? now : attempt.to)
    let depth = place.busy.findIndex((until) => until <= from)
    if (depth < 0) depth = place.busy.length
    place.busy[depth] = to
    const lane = lanes[place.lane]!
    lane.depth = Math.max(lane.depth, depth + 1)
    return { ...attempt, to, lane: place.lane, depth, look: attemptLook(attempt.end), row: trials.row(attempt.trial) }
  })
  let top = 0
  for (const lane of lanes) {
    lane.top = top
    top += lane.depth
  }
  const [from, to] = bars.reduce(([a, b], bar) => [Math.min(a, bar.from), Math.max(b, bar.to)], [Infinity, -Infinity])
  return { lanes, bars, from, to }
}

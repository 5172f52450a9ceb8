/** Trials side by side: what differs, and how many things do not. */
import { Goal, type Sweep, type Trial } from '../../wire/sweep/v1/model_pb'
import { clock, span } from './columns'
import { trialLook } from './states'
import { paramRows } from './why'

export interface Row {
  name: string
  /** One a trial; an empty text: it has none. */
  values: (string | number)[]
  differs: boolean
  /** Which of them is the best; -1: none, or nobody knows what is better. */
  best: number
}

export interface Section {
  title: string
  rows: Row[]
  /** Rows that are left out since all are the same. */
  same: number
}

export function compared(trials: Trial[], sweep: Sweep | undefined, onlyDifferences: boolean): Section[] {
  const params = trials.map((trial) => new Map(paramRows(trial.paramsJson)))
  const metrics = trials.map((trial) => new Map(trial.metrics.map((metric) => [metric.name, metric])))
  const isMax = sweep?.goal === Goal.MAXIMIZE
  const names = (maps: Map<string, unknown>[]) => [...new Set(maps.flatMap((map) => [...map.keys()]))]
  const objective = sweep?.objectiveName ?? ''
  const result: Row[] = []
  const told: Row[] = []
  if (objective) result.push(row(objective, trials.map((trial) => trial.objective ?? NaN), isMax))
  for (const name of names(metrics).sort()) {
    if (name === objective) continue
    // Nobody says which way another metric is good: both ends are shown.
    for (const part of ['min', 'max', 'last'] as const) told.push(row(`${name} ${part}`, metrics.map((map) => map.get(name)?.[part] ?? NaN)))
  }
  const facts = (of: (trial: Trial) => string) => trials.map(of)
  const sections = [
    { title: 'Result', rows: result },
    { title: 'Parameters', rows: names(params).map((name) => row(name, params.map((map) => map.get(name) ?? ''))) },
    { title: 'Metrics', rows: told },
    {
      title: 'Course',
      rows: [
        row('state', facts((trial) => trialLook(trial.state).word)),
        row('reason', facts((trial) => trial.reason)),
        row('time', facts((trial) => (trial.startedAtMs > 0n && trial.finishedAtMs > 0n ? span(Number(trial.finishedAtMs - trial.startedAtMs)) : ''))),
        row('started', facts((trial) => (trial.startedAtMs > 0n ? clock(Number(trial.startedAtMs)) : ''))),
        row('attempts', facts((trial) => String(trial.attempt))),
        row('agent', facts((trial) => trial.agent)),
        row('devices', facts((trial) => trial.facts?.devices.join(', ') ?? '')),
        row('commit', facts((trial) => trial.facts?.gitCommit.slice(0, 12) ?? '')),
        row('why this point', facts((trial) => trial.why)),
      ],
    },
  ]
  return sections.filter(({ rows }) => rows.length > 0).map(({ title, rows }) => {
    const shown = onlyDifferences ? rows.filter((one) => one.differs) : rows
    return { title, rows: shown, same: rows.length - shown.length }
  })
}

function row(name: string, values: (string | number)[], isMax?: boolean): Row {
  const differs = new Set(values.map(String)).size > 1
  let best = -1
  if (isMax !== undefined && differs) {
    values.forEach((value, i) => {
      const held = values[best]
      if (typeof value !== 'number' || Number.isNaN(value)) return
      if (typeof held !== 'number' || (isMax ? value > held : value < held)) best = i
    })
  }
  return { name, values, differs, best }
}

/** What a column of the table, an axis of a plot and a word of a filter mean: one key for all three.
 *
 *  `number`, `state`, `objective`, `steps`, `time`, `started`, `finished`, `attempts`, `agent`, `reason`, `tags`,
 *  `p:NAME` a parameter, `m:NAME:ASPECT` a metric, `o:PLACE` one of several objectives. */
import { ASPECTS, type Aspect, type Trials, Words } from './trials'
import { trialLook } from './states'

export type Kind = 'number' | 'count' | 'word' | 'tags' | 'state' | 'moment' | 'span'

export interface Column {
  key: string
  label: string
  kind: Kind
  /** By row; NaN: nothing. Of words the place in `words`, of moments and spans milliseconds. */
  values: Float64Array
  words?: string[]
  log: boolean
}

const FIXED: Record<string, { label: string; kind: Kind }> = {
  number: { label: 'trial', kind: 'count' },
  state: { label: 'state', kind: 'state' },
  objective: { label: 'objective', kind: 'number' },
  steps: { label: 'steps', kind: 'count' },
  time: { label: 'time', kind: 'span' },
  started: { label: 'started', kind: 'moment' },
  finished: { label: 'ended', kind: 'moment' },
  attempts: { label: 'attempts', kind: 'count' },
  agent: { label: 'agent', kind: 'word' },
  reason: { label: 'reason', kind: 'word' },
  tags: { label: 'tags', kind: 'tags' },
}

export interface Names {
  /** Of the only objective. */
  objective: string
  objectives: string[]
}

/** The column of a key, or undefined when the sweep has none such. `now` is for the time of running trials. */
export function columnOf(trials: Trials, key: string, names: Names, now = Date.now()): Column | undefined {
  const fixed = FIXED[key]
  if (fixed) {
    const label = key === 'objective' && names.objective ? names.objective : fixed.label
    if (key === 'time') return { key, ...fixed, values: spans(trials, now), log: false }
    const held = trials[key as 'number']
    held.reserve(trials.rows)
    const words = held instanceof Words ? held.words : undefined
    return { key, ...fixed, label, values: held.values, ...(words && { words }), log: false }
  }
  const [sort, ...rest] = key.split(':')
  if (sort === 'p') {
    const name = rest.join(':')
    const param = trials.params.get(name)
    if (!param) return undefined
    param.held.reserve(trials.rows)
    const isWord = param.held instanceof Words
    return {
      key, label: name, kind: isWord ? 'word' : 'number', values: param.held.values, log: param.log && !isWord,
      ...(param.held instanceof Words && { words: param.held.words }),
    }
  }
  if (sort === 'm') {
    const aspect = rest.pop() as Aspect
    const name = rest.join(':')
    const values = ASPECTS.includes(aspect) ? trials.metric(name, aspect) : undefined
    return values && { key, label: `${name} ${aspect}`, kind: 'number', values, log: false }
  }
  if (sort === 'o') {
    const held = trials.objectives[Number(rest[0])]
    held?.reserve(trials.rows)
    return held && { key, label: names.objectives[Number(rest[0])] ?? key, kind: 'number', values: held.values, log: false }
  }
  return undefined
}

/** Keys of the parameters that have more than one value, in the sweep file's order as far as the controller keeps it. */
export function varying(trials: Trials): string[] {
  return [...trials.params].filter(([, param]) => param.varying).map(([name]) => `p:${name}`)
}

/** What the table shows before anybody chose: state, objective, what varies, tags where there are any, steps, time, agent. */
export function defaultColumns(trials: Trials, names: Names): string[] {
  const objectives = names.objectives.length > 0 ? names.objectives.map((_, i) => `o:${i}`) : ['objective']
  return ['number', 'state', ...objectives, ...varying(trials), ...(trials.tags.words.length > 0 ? ['tags'] : []), 'steps', 'time', 'agent', 'reason']
}

/** Everything that can be a column. */
export function allColumns(trials: Trials, names: Names): string[] {
  const objectives = names.objectives.length > 0 ? names.objectives.map((_, i) => `o:${i}`) : ['objective']
  return [
    'number', 'state', ...objectives, ...[...trials.params.keys()].map((name) => `p:${name}`),
    ...[...trials.metrics.keys()].flatMap((name) => ASPECTS.map((aspect) => `m:${name}:${aspect}`)),
    'steps', 'time', 'started', 'finished', 'attempts', 'agent', 'reason', 'tags',
  ]
}

/** What a cell says, without its unit's loss: `plain` for exports. */
export function cell(column: Column, row: number, plain = false): string {
  const value = column.values[row]!
  if (column.kind === 'state') return trialLook(value).word
  if (Number.isNaN(value)) return ''
  switch (column.kind) {
    case 'word':
      return column.words?.[value] ?? ''
    case 'tags':
      return tagsOf(column, row).join(plain ? ',' : ', ')
    case 'moment':
      return value > 0 ? (plain ? new Date(value).toISOString() : clock(value)) : ''
    case 'span':
      return plain ? String(value / 1000) : span(value)
    case 'count':
      return String(value)
    default:
      return plain ? String(value) : short(value)
  }
}

/** The tags of a row. */
export function tagsOf({ values, words }: Column, row: number): string[] {
  const word = words?.[values[row]!]
  return word ? word.split(',') : []
}

/** A number in at most about eight characters. */
export function short(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–'
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞'
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value)
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2).replace(/\.?0+e/, 'e').replace('e+', 'e')
  return String(Number(value.toPrecision(4)))
}

/** A text as it is, but a number in short. */
export const shortened = (text: string): string => (text.length > 8 && text.trim() !== '' && Number.isFinite(Number(text)) ? short(Number(text)) : text)

/** A length of time: `850ms`, `6.2s`, `6m02s`, `3h05m`, `2d4h`. */
export function span(ms: number): string {
  if (Number.isNaN(ms)) return ''
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}s`
  const seconds = Math.round(ms / 1000)
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  if (days > 0) return `${days}d${hours}h`
  return hours > 0 ? `${hours}h${two(minutes)}m` : `${minutes}m${two(seconds % 60)}s`
}

/** How long ago, in words. */
export function ago(ms: number, now: number): string {
  const seconds = Math.max(0, (now - ms) / 1000)
  if (seconds < 5) return 'now'
  if (seconds < 60) return `${Math.floor(seconds)} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  return seconds < 86400 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86400)} d ago`
}

/** A moment as people of this place write it, to the second. */
export function clock(ms: number): string {
  const date = new Date(ms)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

function spans(trials: Trials, now: number): Float64Array {
  const { started, finished } = trials
  const out = new Float64Array(trials.rows)
  for (let row = 0; row < trials.rows; row++) {
    const from = started.values[row]!
    const to = finished.values[row]!
    out[row] = from > 0 ? (to > 0 ? to : now) - from : NaN
  }
  return out
}

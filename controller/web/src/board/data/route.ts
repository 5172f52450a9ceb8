/** Where a person is, in the address: the place before `?`, the view behind it. All of a view is here, so that a link shows it. */
import type { Brush, Filter, Sort } from './selection'

export type Place =
  | { page: 'sweeps' }
  | { page: 'sweep'; sweep: string; tab: Tab }
  | { page: 'trial'; sweep: string; number: number }
  | { page: 'compare'; sweep: string; numbers: number[] }
  | { page: 'dataset'; sweep: string }
  | { page: 'agents' }
  | { page: 'unknown' }

export const TABS = ['trials', 'curves', 'parameters', 'heads', 'timeline', 'configuration'] as const
export type Tab = (typeof TABS)[number]

export interface Address {
  place: Place
  view: URLSearchParams
}

export function parse(hash: string): Address {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?')
  const parts = path.split('/').filter((part) => part !== '').map(decodeURIComponent)
  const view = new URLSearchParams(query)
  return { place: placeOf(parts, view), view }
}

function placeOf(parts: string[], view: URLSearchParams): Place {
  const [first, sweep, what, which] = parts
  if (first === undefined) return { page: 'sweeps' }
  if (first === 'agents' && sweep === undefined) return { page: 'agents' }
  if (first !== 'sweeps') return { page: 'unknown' }
  if (sweep === undefined) return { page: 'sweeps' }
  if (what === undefined) {
    const tab = TABS.find((tab) => tab === view.get('tab')) ?? 'trials'
    return { page: 'sweep', sweep, tab }
  }
  if (what === 'dataset') return { page: 'dataset', sweep }
  if (what === 'compare') {
    const numbers = (which ?? '').split(',').map(Number).filter((number) => Number.isInteger(number) && number > 0)
    return { page: 'compare', sweep, numbers }
  }
  const number = Number(which)
  if (what === 'trials' && Number.isInteger(number) && number > 0) return { page: 'trial', sweep, number }
  return { page: 'unknown' }
}

export function href(place: Place, view?: URLSearchParams): string {
  // Each row of a table has a link, and a query costs more than all else of it.
  if (!view && place.page !== 'sweep') return `#${pathOf(place)}`
  const query = new URLSearchParams(view)
  query.delete('tab')
  if (place.page === 'sweep' && place.tab !== 'trials') query.set('tab', place.tab)
  const text = query.toString()
  return `#${pathOf(place)}${text === '' ? '' : `?${text}`}`
}

function pathOf(place: Place): string {
  switch (place.page) {
    case 'sweep':
      return `/sweeps/${place.sweep}`
    case 'trial':
      return `/sweeps/${place.sweep}/trials/${place.number}`
    case 'compare':
      return `/sweeps/${place.sweep}/compare/${place.numbers.join(',')}`
    case 'dataset':
      return `/sweeps/${place.sweep}/dataset`
    case 'agents':
      return '/agents'
    default:
      return '/'
  }
}

/** What of a sweep's page is in the address besides the tab. */
export interface View {
  filter: Filter
  sorts: Sort[]
  /** Null: nobody chose any. */
  columns: string[] | null
  /** Trials to compare, by number. */
  marked: number[]
  curves: CurveView
  /** The stretch of the curves' lower axis that is shown; null: all. */
  zoom: [number, number] | null
  /** Whether the history's objective is on a logarithmic axis. */
  logHistory: boolean
  /** The two parameters that are shown against each other, by their keys; empty: the most important ones. */
  pair: [string, string]
  /** The trial whose heads are shown; 0: the best. */
  heads: number
  /** Of which split heads are shown; empty: the first there is. */
  split: string
  /** Whether confusion matrices show counts, and not per cent of rows. */
  counts: boolean
}

export interface CurveView {
  /** Empty: the objective. */
  metric: string
  axis: 'step' | 'epoch' | 'seconds'
  logX: boolean
  logY: boolean
  /** From 0, none, to 0.99. */
  smoothing: number
  top: number
}

export const CURVES: CurveView = { metric: '', axis: 'step', logX: false, logY: false, smoothing: 0, top: 10 }

export function viewOf(query: URLSearchParams): View {
  const list = (name: string) => (query.get(name) ?? '').split(',').filter((part) => part !== '')
  const axis = query.get('axis')
  return {
    filter: {
      states: list('state').map(Number).filter(Number.isInteger),
      brushes: query.getAll('brush').flatMap((text) => brushOf(text) ?? []),
      where: query.get('where') ?? '',
    },
    sorts: list('sort').map((text) => ({ key: decodeURIComponent(text.replace(/^-/, '')), down: text.startsWith('-') })),
    columns: query.has('cols') ? list('cols').map(decodeURIComponent) : null,
    marked: list('mark').map(Number).filter((number) => number > 0),
    curves: {
      metric: query.get('metric') ?? '',
      axis: axis === 'epoch' || axis === 'seconds' ? axis : 'step',
      logX: query.has('logx'),
      logY: query.has('logy'),
      smoothing: Math.min(0.99, Math.max(0, Number(query.get('smooth') ?? 0) || 0)),
      top: Math.min(50, Math.max(1, Number(query.get('top') ?? CURVES.top) || CURVES.top)),
    },
    zoom: stretch(query.get('zoom') ?? ''),
    logHistory: query.has('loghistory'),
    pair: [query.get('across') ?? '', query.get('up') ?? ''],
    heads: Number(query.get('heads') ?? 0) || 0,
    split: query.get('split') ?? '',
    counts: query.has('counts'),
  }
}

export function queryOf(view: View): URLSearchParams {
  const query = new URLSearchParams()
  const put = (name: string, text: string) => text !== '' && query.set(name, text)
  put('state', view.filter.states.join(','))
  for (const brush of view.filter.brushes) query.append('brush', brushText(brush))
  put('where', view.filter.where)
  put('sort', view.sorts.map((sort) => (sort.down ? '-' : '') + encodeURIComponent(sort.key)).join(','))
  if (view.columns) query.set('cols', view.columns.map(encodeURIComponent).join(','))
  put('mark', view.marked.join(','))
  put('metric', view.curves.metric)
  if (view.curves.axis !== 'step') query.set('axis', view.curves.axis)
  if (view.curves.logX) query.set('logx', '1')
  if (view.curves.logY) query.set('logy', '1')
  if (view.curves.smoothing > 0) query.set('smooth', String(view.curves.smoothing))
  if (view.curves.top !== CURVES.top) query.set('top', String(view.curves.top))
  if (view.zoom) put('zoom', view.zoom.map(number).join('~'))
  if (view.logHistory) query.set('loghistory', '1')
  put('across', view.pair[0])
  put('up', view.pair[1])
  if (view.heads > 0) query.set('heads', String(view.heads))
  put('split', view.split)
  if (view.counts) query.set('counts', '1')
  return query
}

/** Two numbers, the lower first; null: it is none. */
function stretch(text: string): [number, number] | null {
  const [from = NaN, until = NaN] = text === '' ? [] : text.split('~').map(Number)
  return from < until ? [from, until] : null
}

const number = (value: number) => String(Number(value.toPrecision(12)))

function brushText(brush: Brush): string {
  const key = encodeURIComponent(brush.key)
  if ('words' in brush) return `${key}=${brush.words.map(encodeURIComponent).join('|')}`
  return `${key}~${number(brush.from)}~${number(brush.to)}`
}

function brushOf(text: string): Brush | undefined {
  const [key = '', from, to] = text.split('~')
  if (from !== undefined && to !== undefined) {
    const brush = { key: decodeURIComponent(key), from: Number(from), to: Number(to) }
    return Number.isNaN(brush.from) || Number.isNaN(brush.to) ? undefined : brush
  }
  const [name, words] = text.split('=')
  if (name === undefined || words === undefined) return undefined
  return { key: decodeURIComponent(name), words: words.split('|').map(decodeURIComponent) }
}

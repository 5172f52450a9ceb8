/** What every panel of a sweep's page looks at: the trials, and the one selection among them. */
import { Goal } from '../../wire/sweep/v1/model_pb'
import { type Column, columnOf, defaultColumns, varying } from '../data/columns'
import { brushed, type Brush, order, select, type Sort } from '../data/selection'
import { router } from '../router.svelte'
import { ticking } from '../parts/look.svelte'
import type { SweepData } from './data.svelte'

export class SweepModel {
  constructor(readonly data: SweepData) {}

  view = $derived(router.view)
  names = $derived.by(() => this.data.names)

  selected = $derived.by(() => {
    void this.data.version
    return select(this.data.trials, this.view.filter, this.names)
  })

  sorts: Sort[] = $derived(this.view.sorts.length > 0 ? this.view.sorts : this.usualSorts())

  order = $derived.by(() => {
    void this.data.version
    return order(this.data.trials, this.selected.mask, this.sorts, this.names)
  })

  columns: string[] = $derived.by(() => {
    void this.data.version
    return this.view.columns ?? defaultColumns(this.data.trials, this.names)
  })

  /** Parameters that vary, by their keys. */
  varying: string[] = $derived.by(() => {
    void this.data.version
    return varying(this.data.trials)
  })

  hasObjective = $derived(this.names.objective !== '')

  /** The row of the best trial. */
  best = $derived.by(() => {
    void this.data.version
    const number = Number(this.data.sweep?.bestTrialNumber ?? 0n)
    return number > 0 ? this.data.trials.row(number) : undefined
  })

  isFiltered = $derived(this.view.filter.states.length > 0 || this.view.filter.brushes.length > 0 || this.view.filter.where.trim() !== '')

  get trials() {
    void this.data.version
    return this.data.trials
  }

  column(key: string): Column | undefined {
    void this.data.version
    return columnOf(this.data.trials, key, this.names, key === 'time' ? ticking.now : 0)
  }

  brush(key: string, brush: Brush | null): void {
    router.change({ filter: { ...this.view.filter, brushes: brushed(this.view.filter.brushes, key, brush) } })
  }

  brushes(more: Brush[]): void {
    const brushes = more.reduce((all, one) => brushed(all, one.key, one), this.view.filter.brushes)
    router.change({ filter: { ...this.view.filter, brushes } })
  }

  /** Takes the brushes of these columns away. */
  unbrush(...keys: string[]): void {
    const { brushes } = this.view.filter
    if (brushes.some(({ key }) => keys.includes(key))) router.change({ filter: { ...this.view.filter, brushes: brushes.filter(({ key }) => !keys.includes(key)) } })
  }

  clear(): void {
    router.change({ filter: { states: [], brushes: [], where: '' } })
  }

  toggleMark(number: number): void {
    const { marked } = this.view
    router.change({ marked: marked.includes(number) ? marked.filter((one) => one !== number) : [...marked, number].slice(-6) })
  }

  open(number: number): void {
    router.go({ page: 'trial', sweep: this.data.id, number })
  }

  private usualSorts(): Sort[] {
    if (!this.hasObjective) return [{ key: 'number', down: false }]
    return [{ key: 'objective', down: this.data.sweep?.goal === Goal.MAXIMIZE }]
  }
}

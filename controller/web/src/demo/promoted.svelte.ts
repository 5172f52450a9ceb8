import { Fault, type Model, models } from './api'

/** The promoted models, and which of them answers. */
export class Promoted {
  list = $state.raw<Model[] | null>(null)
  /** Why the list could not be had. */
  fault = $state.raw<Fault | null>(null)
  /** By name, from the address; null is the default. */
  picked = $state<string | null>(new URLSearchParams(location.search).get('model'))
  chosen = $derived(this.list?.find((model) => (this.picked === null ? model.default : model.name === this.picked)) ?? null)
  /** Why no picture can be answered now, as far as is known before one is sent. */
  blocked = $derived.by(() => {
    if (this.fault !== null) return this.fault
    if (this.list === null) return null
    if (this.chosen === null && this.list.length > 0) {
      return new Fault('no_model', `No model of the name ${this.picked} is promoted: choose another one above, or promote one.`)
    }
    if (this.chosen === null) return new Fault('no_model', 'This page asks the model that was promoted last, and there is none.')
    if (this.chosen.predictors.length > 0) return null
    return new Fault('no_predictor', `${this.chosen.name} is promoted, but nothing that computes has told this controller of itself.`)
  })

  async refresh(): Promise<void> {
    try {
      this.list = await models()
      this.fault = null
    } catch (error) {
      this.fault = error instanceof Fault ? error : new Fault('internal', String(error))
    }
  }

  pick(name: string | null): void {
    this.picked = name
    const url = new URL(location.href)
    if (name === null) url.searchParams.delete('model')
    else url.searchParams.set('model', name)
    history.replaceState(null, '', url)
  }
}

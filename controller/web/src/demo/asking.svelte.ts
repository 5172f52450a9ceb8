import { bytes, Fault, predict, type Prediction } from './api'
import { prepared } from './picture'

/** A picture as it was chosen. */
export type Source =
  | { kind: 'sample'; name: string; url: string }
  | { kind: 'upload'; name: string; file: Blob }
  | { kind: 'camera'; name: string; file: Blob }

type State =
  | { is: 'idle' }
  | { is: 'waiting' }
  | { is: 'answered'; prediction: Prediction; seconds: number }
  | { is: 'failed'; fault: Fault }

/** The picture that is asked about, and what became of it. A new one ends the request for the last. */
export class Asking {
  state = $state.raw<State>({ is: 'idle' })
  source = $state.raw<Source | null>(null)
  /** The bytes that are sent, to be looked at; of no other page. */
  look = $state<string | null>(null)
  #request = new AbortController()

  async ask(source: Source, model: string | null): Promise<void> {
    this.#request.abort()
    const request = (this.#request = new AbortController())
    this.source = source
    this.#show(null)
    this.state = { is: 'waiting' }
    const state = await this.#answer(source, model, request.signal)
    if (!request.signal.aborted) this.state = state
  }

  async #answer(source: Source, model: string | null, signal: AbortSignal): Promise<State> {
    try {
      const picture =
        source.kind === 'sample' ? await bytes(source.url, signal) : source.kind === 'upload' ? await prepared(source.file) : source.file
      if (!signal.aborted) this.#show(picture)
      const started = performance.now()
      const prediction = await predict(picture, model, signal)
      return { is: 'answered', prediction, seconds: (performance.now() - started) / 1000 }
    } catch (error) {
      const fault = error instanceof Fault ? error : new Fault('internal', `This page failed: ${String(error)}`)
      return { is: 'failed', fault }
    }
  }

  #show(picture: Blob | null): void {
    if (this.look !== null) URL.revokeObjectURL(this.look)
    this.look = picture === null ? null : URL.createObjectURL(picture)
  }
}

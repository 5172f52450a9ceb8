/** What the page asks of the controller, and what comes back. Times are milliseconds. */

export type Head = 'age' | 'sex' | 'race'
export const HEADS: readonly Head[] = ['age', 'sex', 'race']

export interface Guess {
  class: string
  /** 0 to 1. */
  probability: number
}

export interface HeadScores {
  macro_f1: number
  accuracy: number
}

export interface Scores {
  images: number
  heads: Record<Head, HeadScores>
}

export interface Model {
  id: string
  name: string
  sweep: string
  sweep_name: string
  trial: string
  step: number
  epoch: number | null
  promoted_at_ms: number
  /** Whether it is the newest promoted one. */
  default: boolean
  metrics: Record<string, number>
  /** Whether it was trained on drawn faces; null: nobody knows. */
  made_up: boolean | null
  scores: { validation: Scores | null; test: Scores | null }
  files: { name: string; role: 'weights' | 'description'; url: string }[]
  predictors: { url: string; device: string; loaded: boolean }[]
}

export interface Sample {
  name: string
  url: string
}

export interface Samples {
  made_up: boolean
  samples: Sample[]
}

export interface Prediction extends Record<Head, Guess[]> {
  model: { id: string; name: string; trial: string }
  /** After the orientation that the file asks for. */
  image: { width: number; height: number }
  milliseconds: number
  device: string
  batch: number
}

export type Code = 'unreadable' | 'too_large' | 'no_model' | 'no_predictor' | 'busy' | 'internal' | 'offline'

/** Why there is no answer: in words, and what to do. */
export class Fault extends Error {
  constructor(readonly code: Code, message: string, readonly fix = '') {
    super(message)
  }
}

const CODES: readonly string[] = ['unreadable', 'too_large', 'no_model', 'no_predictor', 'busy', 'internal']

/** The fault that an answer of this status and body tells of. */
export function fault(status: number, body: unknown): Fault {
  const { code, message, fix } = (body as { error?: { code?: string; message?: string; fix?: string } } | null)?.error ?? {}
  const known = CODES.includes(code ?? '') ? (code as Code) : 'internal'
  return new Fault(known, message ?? `the controller answered with status ${status}`, fix)
}

async function ask(url: string, options?: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, options)
  } catch (error) {
    if (options?.signal?.aborted) throw error
    throw new Fault('offline', `Nothing came back from ${location.origin}.`, 'Is sweep-controller running there, and is this machine on its network?')
  }
  if (response.ok) return response
  throw fault(response.status, await response.json().catch(() => null))
}

export async function models(): Promise<Model[]> {
  return ((await (await ask('/api/v1/models')).json()) as { models: Model[] }).models
}

export async function samples(): Promise<Samples> {
  return (await (await ask('/api/v1/samples')).json()) as Samples
}

export async function bytes(url: string, signal: AbortSignal): Promise<Blob> {
  return (await ask(url, { signal })).blob()
}

/** Where a picture is sent for the guesses of a model, by its name; without one the default answers. */
export function predictPath(model: string | null): string {
  return model === null ? '/api/v1/predict' : `/api/v1/predict?model=${encodeURIComponent(model)}`
}

export async function predict(picture: Blob, model: string | null, signal: AbortSignal): Promise<Prediction> {
  return (await ask(predictPath(model), { method: 'POST', body: picture, signal })).json() as Promise<Prediction>
}

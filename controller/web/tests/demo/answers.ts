/** Answers of a controller that real ones give too seldom or too late for a test; each as the contract says. */
import type { Page, Route } from 'playwright-core'

import type { Model, Prediction } from '../../src/demo/api'

const head = (macro_f1: number, accuracy: number) => ({ macro_f1, accuracy })

export function model(change: Partial<Model> = {}): Model {
  return {
    id: '0198c1de-0000-7000-8000-000000000001',
    name: 'faces',
    sweep: 'k3x9q2ab',
    sweep_name: 'utkface',
    trial: 'k3x9q2ab/4',
    step: 840,
    epoch: 7,
    promoted_at_ms: 1_790_000_000_000,
    default: true,
    metrics: {},
    made_up: true,
    scores: { validation: null, test: { images: 1185, heads: { age: head(0.61, 0.66), sex: head(0.93, 0.93), race: head(0.71, 0.81) } } },
    files: [],
    predictors: [{ url: 'http://127.0.0.1:9', device: 'cpu', loaded: true }],
    ...change,
  }
}

const guesses = (...pairs: [string, number][]) => pairs.map(([name, probability]) => ({ class: name, probability }))

export function prediction(): Prediction {
  return {
    model: { id: model().id, name: 'faces', trial: 'k3x9q2ab/4' },
    image: { width: 200, height: 200 },
    age: guesses(['20 to 30', 0.54], ['30 to 40', 0.27], ['10 to 20', 0.1], ['40 to 50', 0.05], ['50 to 60', 0.02], ['60 to 70', 0.01], ['0 to 10', 0.006], ['70 to 80', 0.003], ['Above 80', 0.001]),
    sex: guesses(['Female', 0.91], ['Male', 0.09]),
    race: guesses(['Asian', 0.72], ['White', 0.14], ['Indian', 0.09], ['Others', 0.03], ['Black', 0.02]),
    milliseconds: 9.3,
    device: 'cpu',
    batch: 1,
  }
}

export interface Answers {
  models?: Model[]
  predict?: (route: Route) => Promise<void>
}

/** Lets the page's questions for models and predictions be answered like this. */
export async function answer(page: Page, { models, predict }: Answers): Promise<void> {
  if (models) await page.route('**/api/v1/models', (route) => route.fulfill({ json: { schema: 'sweep.v1', models } }))
  if (predict) await page.route('**/api/v1/predict*', predict)
}

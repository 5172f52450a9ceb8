/** Pictures of every page for the documentation: a sweep of real trainings over made-up faces, run to its end, and one that runs. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, test } from 'vitest'

import { open, Watched } from '../harness/browser'
import { House } from '../harness/house'
import { finished } from '../harness/process'
import { shot } from '../harness/shot'
import { linked } from './stage'

/** A batch of 4,096 is all images at once: such a trial learns little in so few epochs, and is stopped early. */
const SWEEP = (name: string, epochs: number, cap: number) => `
program: sweep-train
name: ${name}
project: faces
method: tpe
seed: 11
run_cap: ${cap}
metric: {name: total-f1score, goal: maximize}
early_terminate: {type: hyperband, min_iter: 2, eta: 2}
parameters:
  path: {value: faces}
  cache: {value: cache}
  image_size: {value: 32}
  augment: {value: none}
  threads: {value: 1}
  test_at_end: {value: true}
  epochs: {value: ${epochs}}
  resnet_type: {value: resnet18}
  batch_size: {values: [16, 32, 64, 4096], probabilities: [0.3, 0.3, 0.3, 0.1]}
  lr: {distribution: log_uniform_values, min: 0.00005, max: 0.02}
  dropout_val: {min: 0.0, max: 0.6}
  layer1: {values: [128, 64, 32]}
  layer2: {value: 32}
  layer3: {value: 16}
  activation: {values: [gelu, ReLU]}
`

let house: House
let browser: Browser
let done: string
let running: string
let best: number[]

beforeAll(async () => {
  house = await House.build()
  browser = await open()
  await house.train('synth', '--out', 'faces', '--count', '600', '--size', '64')
  done = await house.create(SWEEP('made-up faces', 6, 24))
  await finished(house.start('sweep-agent', [done, '--slots', '2', '--name', 'north', '--state-dir', 'north']), 1_000)
  const names = await house.ctl('trials', done, '-o', 'name', '--top', '2')
  best = names.split('\n').map((name) => Number(name.split('/')[1]))
  running = await house.create(SWEEP('longer', 12, 12))
  house.start('sweep-agent', [running, '--slots', '2', '--name', 'south', '--state-dir', 'south'])
  // Until it has a best trial, and two more run.
  await house.ctl('wait', running, '--for', 'trials=2', '--timeout', '10m')
})
afterAll(async () => {
  await browser?.close()
  await house?.ctl('cancel', running).catch(() => undefined)
  await house?.close()
})

/** Every page: where it is, and what must be on it before it is pictured. */
const PAGES: [name: string, path: () => string, texts: RegExp[]][] = [
  ['sweeps', () => '#/', [/^made-up faces$/, /finished/, /^longer$/]],
  ['sweep', () => `#/sweeps/${done}`, [/^History$/, /^Parallel coordinates$/]],
  ['running', () => `#/sweeps/${running}`, [/2 running/]],
  ['curves', () => `#/sweeps/${done}?tab=curves`, [/grey: the middle 80 per cent/]],
  ['parameters', () => `#/sweeps/${done}?tab=parameters`, [/^Importance$/, /PED-ANOVA/]],
  ['heads', () => `#/sweeps/${done}?tab=heads`, [/^age: confusion$/]],
  ['timeline', () => `#/sweeps/${done}?tab=timeline`, [/^Timeline$/]],
  ['configuration', () => `#/sweeps/${done}?tab=configuration`, [/maximize total-f1score/]],
  ['trial', () => `#/sweeps/${done}/trials/${best[0]}`, [/^Why this point$/]],
  ['compare', () => `#/sweeps/${done}/compare/${best.join(',')}`, [/^Result/]],
  ['agents', () => '#/agents', [/^south$/]],
  ['dataset', () => `#/sweeps/${done}/dataset`, [/^age$/]],
]

describe.each(PAGES)('%s', (name, path, texts) => {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [size, width] of [['wide', 1400], ['narrow', 420]] as const) {
      test(`${colorScheme}, ${size}`, async () => {
        const watched = await Watched.open(browser, `${house.url}/${path()}`, { colorScheme, viewport: { width, height: 900 } })
        for (const text of texts) await watched.page.getByText(text).first().waitFor()
        await linked(watched.page, 'live')
        // What draws comes later than the words: every chart in sight has its canvas or its drawing.
        await watched.page.waitForFunction(() => {
          const inSight = [...document.querySelectorAll('.drawing')].filter((one) => one.getBoundingClientRect().top < innerHeight)
          return inSight.every((one) => one.querySelector('canvas, svg'))
        })
        await shot(watched.page, `board-${name}-${colorScheme}-${size}`)
        await watched.close()
      })
    }
  }
})

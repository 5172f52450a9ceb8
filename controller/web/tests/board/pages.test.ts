import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { barriers } from '../harness/access'
import { linked, Stage } from './stage'

let stage: Stage
let running: string

beforeAll(async () => {
  stage = await Stage.build()
  const { sweep } = await stage.told('told')
  running = sweep
  stage.play.say(0.2, 0.35, 0.46, 0.5)
})
afterAll(() => stage.close())

/** Every page: where it is, and what must be there. */
const PAGES: [name: string, path: () => string, texts: RegExp[]][] = [
  ['sweeps', () => '#/', [/^played$/, /36 \/ 36/, /finished/, /^told$/]],
  ['sweep', () => `#/sweeps/${stage.played}`, [/val_f1 0\.88/, /36 of 36/, /2 failed/, /^History$/, /^Parallel coordinates$/]],
  ['running', () => `#/sweeps/${running}`, [/1 running/, /0 \/ 3/]],
  ['curves', () => `#/sweeps/${stage.played}?tab=curves`, [/val_f1 of the best 10 trials; grey: the middle 80 per cent/, /^trial 20$/]],
  ['parameters', () => `#/sweeps/${stage.played}?tab=parameters`, [/^Importance$/, /PED-ANOVA/, /^lr$/, /^net$/]],
  ['heads', () => `#/sweeps/${stage.played}?tab=heads`, [/^age: confusion$/, /^sex: F1 per class$/, /^validation$/, /^test$/]],
  ['timeline', () => `#/sweeps/${stage.played}?tab=timeline`, [/^Timeline$/]],
  ['configuration', () => `#/sweeps/${stage.played}?tab=configuration`, [/early_terminate: \{type: patience/, /maximize val_f1/]],
  ['trial', () => `#/sweeps/${stage.played}/trials/20`, [/Its program ended well/, /^Why this point$/, /best\.bin/, /play\.py/, /play/, /learning/, /val_f1/]],
  ['compare', () => `#/sweeps/${stage.played}/compare/20,17`, [/^Result/, /val_f1/, /the same/]],
  ['agents', () => '#/agents', [/^told-box$/, new RegExp('/1$'), /^CPU$/]],
  ['dataset', () => `#/sweeps/${stage.played}/dataset`, [/Malformed files: 1/, /39_1_nothing\.jpg/, /1,600/, /^age$/]],
]

describe.each(PAGES)('%s', (_, path, texts) => {
  test('shows what it is about, complains of nothing and talks to nobody else', async () => {
    const watched = await stage.page(path())
    for (const text of texts) await watched.page.getByText(text).first().waitFor()
    await linked(watched.page, 'live')
    watched.quiet()
    await watched.close()
  })

  test('has no serious barrier', async () => {
    const watched = await stage.page(path())
    for (const text of texts) await watched.page.getByText(text).first().waitFor()
    expect(await barriers(watched.page)).toEqual([])
    await watched.close()
  })

  test('does not move sideways on a phone', async () => {
    const watched = await stage.page(path(), { viewport: { width: 390, height: 844 } })
    for (const text of texts) await watched.page.getByText(text).first().waitFor()
    expect(await watched.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
    await watched.close()
  })
})

test('what is not there says so, and what to do', async () => {
  const watched = await stage.page('#/sweeps/zzzzzzzz')
  await watched.page.getByText('This sweep cannot be shown').waitFor()
  await watched.page.getByText('sweep-ctl list').waitFor()
  await watched.page.goto(`${stage.house.url}/#/nowhere`)
  await watched.page.getByText('There is no such page').waitFor()
  await watched.close()
})

test('an empty controller gives the command for a first sweep', async () => {
  const { House } = await import('../harness/house')
  const { Watched } = await import('../harness/browser')
  const house = await House.build()
  const watched = await Watched.open(stage.browser, `${house.url}/#/`)
  await watched.page.getByText('sweep-ctl create examples/shell.yaml').waitFor()
  await watched.page.getByRole('link', { name: 'agents' }).click()
  await watched.page.getByText(/sweep-agent SWEEP --server/).waitFor()
  watched.quiet()
  await watched.close()
  await house.close()
})

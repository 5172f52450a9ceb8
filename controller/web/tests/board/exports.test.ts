/** Everything leaves: each panel, and each table that is a page, can be taken away. */
import { readFileSync } from 'node:fs'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { Stage } from './stage'

let stage: Stage
beforeAll(async () => {
  stage = await Stage.build()
})
afterAll(() => stage.close())

/** Panels without rows: what is taken away instead, and why. */
const OTHERS: Record<string, string> = {
  'Sweep file': 'Save', // It is a file itself.
  'Log': 'Save all', // Its lines are a text file.
  'In a terminal': 'Copy the command', // It holds a command, and nothing else.
}

/** Panels that are sentences, without a heading. */
const SENTENCES = ['Why']

/** Every page: where it is, something of each late part of it, and how many panels it has at least. */
const PAGES: [name: string, path: () => string, texts: RegExp[], least: number][] = [
  ['sweeps', () => '#/', [/36 \/ 36/], 1],
  ['trials', () => `#/sweeps/${stage.played}`, [/36 of 36/], 3],
  ['curves', () => `#/sweeps/${stage.played}?tab=curves`, [/^trial 20$/], 1],
  ['parameters', () => `#/sweeps/${stage.played}?tab=parameters`, [/PED-ANOVA/], 4],
  ['heads', () => `#/sweeps/${stage.played}?tab=heads`, [/^age: confusion$/], 4],
  ['timeline', () => `#/sweeps/${stage.played}?tab=timeline`, [/^Timeline$/], 1],
  ['configuration', () => `#/sweeps/${stage.played}?tab=configuration`, [/maximize val_f1/], 2],
  ['trial', () => `#/sweeps/${stage.played}/trials/20`, [/best\.bin/, /learning/, /last 0\./], 12],
  ['compare', () => `#/sweeps/${stage.played}/compare/20,17`, [/the same/, /val_f1 of trials/], 2],
  ['agents', () => '#/agents', [/^box$/], 1],
  ['dataset', () => `#/sweeps/${stage.played}/dataset`, [/1,600/], 4],
]

/** Of each panel: its name, and what its buttons are called. */
const panelsOf = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('section.panel, main:has(> [aria-label^="Table of"])')].map((panel) => ({
      name: panel.getAttribute('aria-label') ?? panel.querySelector('h1')?.textContent ?? '',
      buttons: [...panel.querySelectorAll('button')].map((button) => button.getAttribute('aria-label') ?? button.textContent?.trim() ?? ''),
    })),
  )

describe.each(PAGES)('%s', (_, path, texts, least) => {
  test('each of its panels can be taken away', async () => {
    const watched = await stage.page(path())
    for (const text of texts) await watched.page.getByText(text).first().waitFor()
    const panels = await panelsOf(watched.page)
    expect(panels.length).toBeGreaterThanOrEqual(least)
    for (const { name, buttons } of panels) {
      if (SENTENCES.includes(name)) continue
      const other = OTHERS[name]
      const has = (label: string) => buttons.some((button) => button.startsWith(label))
      if (other) expect(has(other), `${name}: ${buttons.join(', ')}`).toBe(true)
      else expect(has(`${name} as CSV`) && (has(`${name} as JSON`) || has(`${name} as SVG`)), `${name}: ${buttons.join(', ')}`).toBe(true)
    }
    watched.quiet()
    await watched.close()
  })
})

/** Presses a button and gives what comes: its name and its text. */
async function taken(page: Page, button: string): Promise<{ name: string; text: string }> {
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: button, exact: true }).click()
  const file = await download
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') }
}

test('what is taken away of a trial is what its panels show', async () => {
  const watched = await stage.page(`#/sweeps/${stage.played}/trials/20`)
  const { page } = watched
  await page.getByText('best.bin').first().waitFor()
  const id = `${stage.played}-20`
  expect(await taken(page, 'Parameters as CSV')).toEqual({ name: `parameters-${id}.csv`, text: 'parameter,value\r\nepochs,4\r\nlr,0.01\r\nnet,wide\r\n' })
  const files = await taken(page, 'Files as JSON')
  expect(files.name).toBe(`files-${id}.json`)
  expect(JSON.parse(files.text)).toMatchObject({ schema: 'sweep.v1', items: [{ step: 40, file: 'best.bin', bytes: 1000 }] })
  const environment = await taken(page, 'Command, environment as CSV')
  expect(environment.text).toMatch(/^what,value\r\ncommand,.*play\.py.*\r\n/)
  expect(environment.text).toContain('play,1.0\r\n')
  expect((await taken(page, 'Attempts as CSV')).text).toMatch(/^attempt,agent,claimed_at,ended_at,ended\r\n1,box,20\d\d-/)
  await watched.close()
})

test('what differs between trials, and the list of sweeps', async () => {
  const watched = await stage.page(`#/sweeps/${stage.played}/compare/20,17`)
  const { page } = watched
  await page.getByText(/the same/).first().waitFor()
  const table = (await taken(page, 'Comparison as CSV')).text.split('\r\n')
  expect(table[0]).toBe('what,trial 20,trial 17')
  expect(table).toContain('lr,0.01,0.007')
  expect(table.some((row) => row.startsWith('epochs,'))).toBe(false)
  await page.goto(`${stage.house.url}/#/`)
  await page.getByText('36 / 36').waitFor()
  const { items } = JSON.parse((await taken(page, 'Sweeps as JSON')).text) as { items: Record<string, unknown>[] }
  expect(items).toMatchObject([{ sweep: 'played', id: stage.played, over: 36, failed: 2, objective: 'val_f1', best_trial: 20 }])
  await watched.close()
})

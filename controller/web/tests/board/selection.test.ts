import { readFileSync } from 'node:fs'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

import { FRAME } from '../../src/board/draw/parallel'
import { drag, drawing } from './chart'
import { selected, selects, Stage } from './stage'

let stage: Stage
beforeAll(async () => {
  stage = await Stage.build()
})
afterAll(() => stage.close())
beforeEach(() => stage.forgetLayout())

const sweepPage = async (query = '', options = {}) => {
  const watched = await stage.page(`#/sweeps/${stage.played}${query}`, options)
  await watched.page.getByText(/36 of 36|of 36/).first().waitFor()
  return watched
}

/** Waits until the controller has taken a layout: one that is still to be saved when its page is closed would come into the next test. */
const kept = (page: Page, fits: (layout: string) => boolean) =>
  page.waitForResponse((response) => response.url().endsWith('/SetLayout') && response.ok() && fits(response.request().postDataBuffer()?.toString() ?? ''))

test('a brush on an axis filters the table and the other plots, and a click clears it', async () => {
  const { page, ...watched } = await sweepPage()
  const before = await drawing(page, 'History')
  // The first axis is lr, whose list of values spans decades and so is logarithmic: its upper half, the higher rates.
  const { width } = (await page.getByRole('img', { name: /^Parallel/ }).boundingBox())!
  await drag(page, 'Parallel', [FRAME.left / width, 0.2], [FRAME.left / width, 0.5])
  await page.getByRole('button', { name: /Take away the filter lr/ }).waitFor()
  const count = await selected(page)
  expect(count).toBeGreaterThan(3)
  expect(count).toBeLessThan(36)
  await expect.poll(() => drawing(page, 'History')).not.toBe(before)
  await page.getByText(`; ${count} selected.`).waitFor()
  await page.getByRole('button', { name: /Take away the filter lr/ }).click()
  await selects(page, 36)
  await expect.poll(() => drawing(page, 'History')).toBe(before)
  void watched
  await page.context().close()
})

test('a brush in the history filters the parallel coordinates, and slices filter the table', async () => {
  const { page } = await sweepPage()
  const before = await drawing(page, 'Parallel')
  await drag(page, 'History', [0.3, 0.05], [0.7, 0.5])
  await page.getByRole('button', { name: /Take away the filter trial/ }).waitFor()
  expect(await selected(page)).toBeLessThan(36)
  await expect.poll(() => drawing(page, 'Parallel')).not.toBe(before)
  await page.getByRole('button', { name: 'Clear', exact: true }).click()
  await page.getByRole('link', { name: 'Parameters' }).click()
  await drag(page, 'lr\\.', [0.3, 0.1], [0.6, 0.5])
  await page.getByRole('link', { name: 'Trials', exact: true }).click()
  expect(await selected(page)).toBeLessThan(36)
  await page.context().close()
})

test('states, an expression and a brush are one selection, and the address holds all of it', async () => {
  const { page } = await sweepPage()
  await page.getByRole('button', { name: /finished 22/ }).click()
  await selects(page, 22)
  await page.getByLabel('Filter expression').fill('val_f1 > 0.7 and net = wide')
  const count = await selected(page)
  expect(count).toBeLessThan(12)
  const saved = kept(page, (layout) => layout.includes('"key":"p:lr"'))
  await page.getByRole('button', { name: /^lr/ }).click()
  const link = page.url()
  await saved
  const rows = await page.locator('[role=row][data-number]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-number')))
  const other = await stage.page(link.slice(stage.house.url.length + 1))
  await selects(other.page, count)
  expect(await other.page.locator('[role=row][data-number]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-number')))).toEqual(rows)
  expect(await other.page.getByLabel('Filter expression').inputValue()).toBe('val_f1 > 0.7 and net = wide')
  await page.getByLabel('Filter expression').fill('val_f1 >')
  await page.getByText('a value is missing at character 9').waitFor()
  await other.close()
  await page.context().close()
})

test('a head sorts, another with shift joins it', async () => {
  const { page } = await sweepPage()
  const first = () => page.locator('[role=row][data-number]').first().getAttribute('data-number')
  expect(await page.getByRole('columnheader', { name: /val_f1/ }).getAttribute('aria-sort')).toBe('descending')
  await page.getByRole('button', { name: /^trial/ }).click()
  expect(await first()).toBe('1')
  await page.getByRole('button', { name: /^trial/ }).click()
  expect(await first()).toBe('36')
  await page.getByRole('button', { name: /^net/ }).click()
  const saved = kept(page, (layout) => layout.includes('"key":"objective"'))
  await page.getByRole('button', { name: /^val_f1/ }).click({ modifiers: ['Shift'] })
  await saved
  expect(page.url()).toContain('sort=p%253Anet%2Cobjective')
  await page.context().close()
})

test('columns are chosen, and the next sweep of the project has them, also in another browser', async () => {
  const { page } = await sweepPage()
  await page.getByRole('button', { name: 'Columns' }).click()
  await page.getByLabel('Search columns').fill('val_loss')
  const saved = kept(page, (layout) => layout.includes('val_loss') && !layout.includes('"agent"'))
  await page.getByRole('button', { name: 'show val_loss min' }).click()
  await page.getByRole('button', { name: 'hide agent' }).click()
  await page.getByRole('button', { name: 'Done' }).click()
  await page.getByRole('columnheader', { name: 'val_loss min' }).waitFor()
  expect(await page.getByRole('columnheader', { name: 'agent' }).count()).toBe(0)
  // The same project without a view in the address.
  await page.goto(`${stage.house.url}/#/`)
  await page.getByRole('link', { name: 'played' }).click()
  await page.getByRole('columnheader', { name: 'val_loss min' }).waitFor()
  await saved

  const other = (await sweepPage()).page
  await other.getByRole('columnheader', { name: 'val_loss min' }).waitFor()
  expect(await other.getByRole('columnheader', { name: 'agent' }).count()).toBe(0)
  // What the other one changes the first one has in turn; a link's own view is nobody's layout.
  const again = kept(other, (layout) => layout.includes('"key":"p:net"'))
  await other.getByRole('button', { name: /^net/ }).click()
  await again
  const linked = (await sweepPage('?sort=-p%253Alr&cols=number')).page
  await linked.getByRole('columnheader', { name: 'trial' }).waitFor()
  await linked.context().close()
  await page.goto('about:blank')
  await page.goto(`${stage.house.url}/#/sweeps/${stage.played}`)
  await page.getByRole('columnheader', { name: 'val_loss min' }).waitFor()
  expect(await page.getByRole('columnheader', { name: /^net/ }).getAttribute('aria-sort')).not.toBe('none')
  await other.context().close()
  await page.context().close()
})

test('the table, every chart and a trial leave as files', async () => {
  const { page } = await sweepPage('', { acceptDownloads: true })
  const take = async (name: string) => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name, exact: true }).click()])
    return { name: download.suggestedFilename(), content: readFileSync(await download.path()) }
  }
  const csv = await take('Trials as CSV')
  expect(csv.name).toBe(`trials-${stage.played}.csv`)
  expect(csv.content.toString().trimEnd().split('\r\n')).toHaveLength(37)
  expect(csv.content.toString()).toMatch(/^trial,state,val_f1,lr,net,steps,time_seconds,agent,reason\r\n20,finished,0\.88/)
  const json = JSON.parse((await take('Trials as JSON')).content.toString()) as { items: unknown[] }
  expect(json.items).toHaveLength(36)
  for (const chart of ['History', 'Parallel coordinates']) {
    expect((await take(`${chart} as CSV`)).content.toString()).toMatch(/^trial,/)
    expect((await take(`${chart} as SVG`)).content.toString()).toMatch(/^<svg .*<path .*<\/svg>\n$/s)
    expect((await take(`${chart} as PNG`)).content.subarray(1, 4).toString()).toBe('PNG')
  }
  await page.getByRole('region', { name: 'History' }).getByRole('button', { name: 'Table' }).click()
  await page.getByRole('region', { name: 'History, as a table' }).getByText('best_so_far').waitFor()
  await page.context().close()
})

test('the back button leads from a trial to the same view', async () => {
  const { page } = await sweepPage('?state=5')
  await selects(page, 22)
  await page.getByRole('link', { name: /^20/ }).first().click()
  await page.getByText('Why this point').waitFor()
  await page.goBack()
  await selects(page, 22)
  await page.context().close()
})

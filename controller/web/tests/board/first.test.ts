/** Pages whose first question finds nobody: they say so, go on trying, and fill by themselves. */
import type { Page, Route } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { linked, Stage, turn } from './stage'

let stage: Stage
beforeAll(async () => {
  stage = await Stage.build()
})
afterAll(() => stage.close())

const GONE = /Failed to load resource|ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|503/

/** Every page: where it is, what it says when nothing comes, and what it shows when it came. */
const PAGES: [path: () => string, missing: string, text: RegExp][] = [
  [() => '#/', 'The list of sweeps did not come', /36 \/ 36/],
  [() => '#/agents', 'The list of agents did not come', /^box$/],
  [() => `#/sweeps/${stage.played}`, 'This sweep cannot be shown', /36 of 36/],
  [() => `#/sweeps/${stage.played}/trials/20`, 'This trial cannot be shown', /Its program ended well/],
  [() => `#/sweeps/${stage.played}/compare/20,17`, 'These trials cannot be compared', /the same/],
  [() => `#/sweeps/${stage.played}/dataset`, 'The data set cannot be shown', /1,600/],
]

/** Goes there without loading anew; a mark on the window tells whether it was so. */
async function go(page: Page, path: string): Promise<void> {
  await page.evaluate((path) => {
    Object.assign(window, { marked: true })
    location.hash = path
  }, path)
}
const isMarked = (page: Page) => page.evaluate(() => 'marked' in window)

test('the controller is gone after it gave the page, and comes back', async () => {
  const all = await Promise.all(PAGES.map(() => stage.page('#/nowhere')))
  for (const { page } of all) await page.getByText('There is no such page').waitFor()
  await stage.house.restart(async () => {
    for (const [i, [path, missing]] of PAGES.entries()) {
      const { page } = all[i]!
      await go(page, path())
      await page.getByText(missing).waitFor()
      await page.getByText('The controller cannot be reached.').waitFor()
      await page.getByText('This page goes on trying by itself.').waitFor()
      await linked(page, 'reconnecting')
    }
  })
  for (const [i, [, missing, text]] of PAGES.entries()) {
    const { page } = all[i]!
    await page.getByText(text).first().waitFor()
    await linked(page, 'live')
    expect(await page.getByText(missing).count()).toBe(0)
    expect(await isMarked(page)).toBe(true)
    all[i]!.quiet(GONE)
    await all[i]!.close()
  }
})

test('an answer of 503 is asked for again', async () => {
  let refused = 0
  const watched = await stage.page(`#/sweeps/${stage.played}`, {}, async (page) => {
    await page.route('**/GetTrialTable', (route) => (refused++ < 2 ? route.fulfill({ status: 503 }) : route.continue()))
  })
  await watched.page.getByText('36 of 36').waitFor()
  expect(refused).toBe(3)
  watched.quiet(GONE)
  await watched.close()
})

test('a part of a page that did not come says so beside the rest, and is asked for again', async () => {
  let isRefused = true
  const watched = await stage.page(`#/sweeps/${stage.played}?tab=heads`, {}, async (page) => {
    await page.route('**/GetTrial', (route) => (isRefused ? route.fulfill({ status: 503 }) : route.continue()))
  })
  const { page } = watched
  await page.getByRole('alert').getByText('This page goes on trying by itself.').waitFor()
  await page.getByRole('heading', { name: /played/ }).waitFor()
  isRefused = false
  await page.getByText('age: confusion').waitFor()
  expect(await page.getByRole('alert').count()).toBe(0)
  watched.quiet(GONE)
  await watched.close()
})

test('what the controller answers on purpose is not asked for again, but for a press of the button', async () => {
  const watched = await stage.page('#/sweeps/zzzzzzzz')
  const { page } = watched
  await page.getByText('This sweep cannot be shown').waitFor()
  expect(await page.getByText('This page goes on trying by itself.').count()).toBe(0)
  const asked = () => watched.asked.filter((call) => call.endsWith('/GetSweep')).length
  expect(asked()).toBe(1)
  const again = page.waitForRequest(/GetSweep/)
  await page.getByRole('button', { name: 'Try again' }).click()
  await again
  expect(asked()).toBe(2)
  await watched.close()
})

test('a hidden page does not go on trying, and does when it is seen again', async () => {
  const watched = await stage.page(`#/sweeps/${stage.played}`, {}, async (page) => {
    await page.clock.install()
    await page.route('**/GetSweep', (route) => route.fulfill({ status: 503 }))
  })
  const { page } = watched
  await page.getByText('This page goes on trying by itself.').waitFor()
  await turn(page, 'hidden')
  const asked = () => watched.asked.filter((call) => call.endsWith('/GetSweep')).length
  const before = asked()
  await page.clock.runFor(60_000)
  expect(asked()).toBe(before)
  const again = page.waitForRequest('**/GetSweep')
  await turn(page, 'visible')
  await again
  await watched.close()
})

test('an answer about what nobody looks at any more is not shown', async () => {
  const watched = await stage.page(`#/sweeps/${stage.played}/compare/20,17`)
  const { page } = watched
  const curves = page.getByRole('region', { name: 'Curves', exact: true })
  await curves.getByRole('button', { name: 'Table' }).click()
  await curves.getByRole('cell', { name: '0.8835' }).first().waitFor()
  const held: Route[] = []
  await page.route('**/GetTopCurves', (route) => void held.push(route))
  await curves.getByLabel('metric').selectOption('val_loss')
  await vi.waitFor(() => expect(held).toHaveLength(1))
  await curves.getByLabel('metric').selectOption('train_loss')
  await held[0]!.continue()
  await vi.waitFor(() => expect(held).toHaveLength(2))
  // 0.3165 is the last val_loss of trial 20, 0.2165 its last train_loss.
  expect(await curves.locator('tbody tr').count()).toBe(0)
  await held[1]!.continue()
  await curves.getByRole('cell', { name: '0.2165' }).first().waitFor()
  expect(await curves.getByRole('cell', { name: '0.3165' }).count()).toBe(0)
  watched.quiet()
  await watched.close()
})

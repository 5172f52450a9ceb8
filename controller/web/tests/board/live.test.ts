import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { linked, Stage } from './stage'

let stage: Stage
let sweep: string
beforeAll(async () => {
  stage = await Stage.build()
  sweep = (await stage.told('told', 4)).sweep
})
afterAll(() => stage.close())

/** Milliseconds from now until the page shows this. */
async function until(page: Page, text: RegExp): Promise<number> {
  const begin = performance.now()
  await page.getByText(text).first().waitFor()
  return performance.now() - begin
}

test('a point of a running trial is seen within a second, on its page and in the curves of its sweep', async () => {
  stage.play.say(0.111)
  const trial = await stage.page(`#/sweeps/${sweep}/trials/1`)
  await trial.page.getByText('last 0.111').first().waitFor()
  await linked(trial.page, 'live')
  const times: number[] = []
  for (const value of [0.222, 0.333, 0.444, 0.555, 0.666]) {
    stage.play.say(value)
    times.push(await until(trial.page, new RegExp(`last ${value}$`)))
  }
  // The median, for the machine may be busy with something else; the worst is bounded too.
  times.sort((a, b) => a - b)
  expect(times[2]).toBeLessThan(1000)
  expect(times[4]).toBeLessThan(3000)
  await trial.page.getByText('told 0.666').waitFor()
  trial.quiet()
  await trial.close()

  const curves = await stage.page(`#/sweeps/${sweep}?tab=curves`)
  await curves.page.getByText('0.666').first().waitFor()
  stage.play.say(0.777)
  await until(curves.page, /0\.777/)
  curves.quiet()
  await curves.close()
})

test('the list of sweeps follows: progress and best', async () => {
  const watched = await stage.page('#/')
  const row = watched.page.locator(`[data-sweep="${sweep}"]`)
  await row.getByText('0 / 4').waitFor()
  stage.play.say(0.8, 'end')
  await row.getByText('1 / 4').waitFor()
  await row.getByText('0.8').waitFor()
  watched.quiet()
  await watched.close()
})

test('a controller that is killed and comes back: reconnecting, stale, live, and what happened meanwhile', async () => {
  const watched = await stage.page(`#/sweeps/${sweep}/trials/2`)
  stage.play.say(0.123)
  await watched.page.getByText('last 0.123').first().waitFor()
  await stage.house.restart(async () => {
    await linked(watched.page, 'reconnecting')
    stage.play.say(0.234)
    await linked(watched.page, 'stale')
    await watched.page.getByText(/stale since \d\d:\d\d/).waitFor()
  })
  await linked(watched.page, 'live')
  await watched.page.getByText('last 0.234').first().waitFor({ timeout: 30_000 })
  stage.play.say(0.345)
  await watched.page.getByText('last 0.345').first().waitFor()
  // Failed requests to a controller that is not there are the browser's words, not the page's.
  watched.quiet(/Failed to load resource|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/)
  await watched.close()
})


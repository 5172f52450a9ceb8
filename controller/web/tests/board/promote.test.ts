import { afterAll, beforeAll, expect, test } from 'vitest'

import { Stage } from './stage'

let stage: Stage
beforeAll(async () => {
  stage = await Stage.build()
})
afterAll(() => stage.close())

test('the best trial is used in the demo by two clicks', async () => {
  const watched = await stage.page(`#/sweeps/${stage.played}`)
  const { page } = watched
  await page.getByRole('button', { name: 'Use in demo' }).click()
  await page.getByRole('dialog').getByText(/The demo page answers with it from now on/).waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Use it' }).click()
  await page.getByText(`${stage.played}-20`).first().waitFor()
  expect(await stage.house.ctl('model', 'list')).toContain(`${stage.played}-20`)
  watched.quiet()
  await watched.close()
})

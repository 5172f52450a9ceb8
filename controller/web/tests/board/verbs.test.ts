import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { Stage } from './stage'

let stage: Stage
beforeAll(async () => {
  stage = await Stage.build()
})
afterAll(() => stage.close())

/** Presses a verb, checks what it says that it will do, and does it. */
async function does(page: Page, verb: string, says: RegExp, button: string): Promise<void> {
  await page.getByRole('button', { name: verb, exact: true }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText(says).waitFor()
  await dialog.getByRole('button', { name: button, exact: true }).click()
  await dialog.waitFor({ state: 'detached' })
}

test('pause, resume, stop: each says what becomes of the trial that runs', async () => {
  const { sweep } = await stage.told('paused', 5)
  const watched = await stage.page(`#/sweeps/${sweep}`)
  const { page } = watched
  await page.getByText('1 running').waitFor()
  await does(page, 'Pause', /No new trial starts\. 1 trial that runs now goes on to the end\./, 'Pause')
  await page.getByText('‖ paused').waitFor()
  stage.play.say(0.5, 'end')
  await page.getByText('0 running').waitFor()
  await does(page, 'Resume', /Agents get new trials again/, 'Resume')
  await page.getByText('1 running').waitFor()
  await does(page, 'Stop', /No new trial starts any more\. 1 trial that runs now goes on to the end\./, 'Stop')
  stage.play.say(0.6, 'end')
  await page.getByText('✓ finished', { exact: false }).first().waitFor()
  await page.locator('[data-progress]', { hasText: '2' }).waitFor()
  watched.quiet()
  await watched.close()
})

test('cancel kills; a question can be left alone', async () => {
  const { sweep } = await stage.told('cancelled', 5)
  const watched = await stage.page(`#/sweeps/${sweep}`)
  const { page } = watched
  await page.getByText('1 running').waitFor()
  await page.getByRole('button', { name: 'Cancel', exact: true }).click()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByText('1 running').waitFor()
  await does(page, 'Cancel', /1 trial that runs now is killed at once/, 'Cancel and kill 1')
  await page.getByText('⊘ cancelled', { exact: false }).first().waitFor()
  await page.getByText('0 running').waitFor()
  watched.quiet()
  await watched.close()
})

test('retry queues what failed again, and the timeline has both attempts', async () => {
  const watched = await stage.page(`#/sweeps/${stage.played}`)
  const { page } = watched
  stage.house.keep('mended', '')
  await does(page, 'Retry failed (2)', /2 trials that failed are queued again.*The sweep is opened again/s, 'Retry 2')
  await page.getByText('2 queued').waitFor()
  await stage.house.work(stage.played)
  await page.getByText('0 failed').waitFor()
  await page.getByRole('link', { name: 'Timeline', exact: true }).click()
  await page.getByRole('region', { name: 'Timeline' }).getByRole('button', { name: 'Table' }).click()
  const rows = page.getByRole('region', { name: 'Timeline, as a table' }).locator('tbody tr')
  await rows.filter({ hasText: 'failed' }).first().waitFor()
  const bars = await rows.evaluateAll((rows) => rows.map((row) => Array.from(row.children, (cell) => cell.textContent ?? '')))
  // 36 trials, two of them twice.
  expect(bars).toHaveLength(38)
  for (const failed of bars.filter((bar) => bar[4] === 'failed')) {
    expect(bars.filter((bar) => bar[2] === failed[2]).map((bar) => [bar[3], bar[4]])).toEqual([['1', 'failed'], ['2', 'succeeded']])
  }
  watched.quiet()
  await watched.close()
})

test('extend asks for more, and opens what is finished', async () => {
  const watched = await stage.page('#/')
  const { page } = watched
  const { sweep, agent } = await stage.told('extended', 1)
  stage.play.say(0.5, 'end')
  await agent.ended
  await page.goto(`${stage.house.url}/#/sweeps/${sweep}`)
  await page.getByText('1 / 1').waitFor()
  await page.getByRole('button', { name: 'Extend' }).click()
  await page.getByRole('dialog').getByText(/It is opened again/).waitFor()
  await page.getByRole('spinbutton', { name: 'more trials' }).fill('4')
  await page.getByRole('dialog').getByRole('button', { name: 'Extend' }).click()
  await page.getByText('1 / 5').waitFor()
  watched.quiet()
  await watched.close()
})

test('one trial is stopped, and tried again', async () => {
  const { sweep } = await stage.told('one', 2)
  const watched = await stage.page(`#/sweeps/${sweep}/trials/1`)
  const { page } = watched
  await page.getByText('▶ running').waitFor()
  stage.play.say('crash')
  await page.getByText('✕ failed').waitFor()
  await page.getByText(/exit/).first().waitFor()
  await does(page, 'Retry', /queued again with the same parameters/, 'Retry')
  await page.goto(`${stage.house.url}/#/sweeps/${sweep}/trials/2`)
  await page.getByText('▶ running').waitFor()
  await does(page, 'Stop', /Its program is asked to end/, 'Stop')
  await page.getByText(/◼ stopped early|⊘ cancelled/).waitFor({ timeout: 50_000 })
  watched.quiet()
  await watched.close()
})

test('an agent is drained, quarantined and wanted again', async () => {
  const { sweep, agent } = await stage.told('agents', 5)
  const watched = await stage.page('#/agents')
  const { page } = watched
  const row = page.locator('[data-agent="agents-box"]')
  await row.getByText(`${sweep}/1`).waitFor()
  await row.getByRole('button', { name: 'Drain' }).click()
  await page.getByRole('dialog').getByText(/gets no new trials\. It goes on with the trial that it runs/).waitFor()
  await page.getByLabel('reason').fill('new driver')
  await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click()
  await row.getByText('drained').waitFor()
  await row.getByText('new driver').waitFor()
  await row.getByRole('button', { name: 'Resume' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click()
  await row.getByText('working').waitFor()
  await row.getByRole('button', { name: 'Quarantine' }).click()
  await page.getByRole('dialog').getByText(/is taken away: queued again at once/).waitFor()
  await page.getByLabel('reason').fill('it fails everything')
  await page.getByRole('dialog').getByRole('button', { name: 'Quarantine' }).click()
  await row.getByText('quarantined').waitFor()
  await row.getByText('none').waitFor()
  watched.quiet()
  await watched.close()
  await agent.stop()
})

test('a sweep is made on the page; a file with mistakes says where they are; a sweep is cloned', async () => {
  const watched = await stage.page('#/')
  const { page } = watched
  await page.getByRole('button', { name: 'New sweep' }).click()
  const file = page.getByLabel('Sweep file')
  await file.fill('program: play.py\nmethod: random\nmetric: {name: f1, goal: maximise}\nparameters:\n  lr: {min: 0, max: 1}\n')
  await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click()
  await page.getByRole('alert').getByText(/maximise/).waitFor()
  await file.fill('program: play.py\nname: made here\nmethod: random\nmetric: {name: f1, goal: maximize}\nparameters:\n  lr: {min: 0, max: 1}\n')
  await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click()
  await page.getByRole('heading', { name: /made here/ }).waitFor()
  await page.getByRole('button', { name: 'Clone' }).click()
  expect(await file.inputValue()).toContain('name: made here')
  await file.fill((await file.inputValue()).replace('made here', 'made again'))
  await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click()
  await page.getByRole('heading', { name: /made again/ }).waitFor()
  watched.quiet(/400|Bad Request/)
  await watched.close()
})

/** Twelve things that people come for, each from the front page in at most four clicks. What is typed or dragged is no click. */
import { readFileSync } from 'node:fs'

import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { Stage } from './stage'

let stage: Stage
let running: string
beforeAll(async () => {
  stage = await Stage.build()
  running = (await stage.told('told', 3)).sweep
  stage.play.say(0.25)
})
afterAll(() => stage.close())

class Person {
  clicks = 0
  constructor(readonly page: Page) {}

  async click(what: Locator): Promise<void> {
    this.clicks += 1
    await what.click()
  }

  link = (name: string | RegExp) => this.page.getByRole('link', { name }).first()
  button = (name: string | RegExp) => this.page.getByRole('button', { name }).first()
  sees = (text: string | RegExp) => this.page.getByText(text).first().waitFor()
}

/** A task begins at the front page, and nothing may complain on the way. */
function task(name: string, act: (person: Person) => Promise<void>): void {
  test(name, async () => {
    const watched = await stage.page('#/')
    const person = new Person(watched.page)
    await person.sees('played')
    await act(person)
    expect(person.clicks).toBeLessThanOrEqual(4)
    watched.quiet()
    await watched.close()
  })
}

task('find the best trial and its parameters', async (person) => {
  await person.click(person.page.locator(`[data-sweep="${stage.played}"]`).getByTitle(/the best trial/))
  await person.page.getByRole('region', { name: 'Parameters' }).getByText('0.01').waitFor()
})

task('why did trial 3 stop', async (person) => {
  await person.click(person.link('played'))
  await person.click(person.button(/stopped early 12/))
  await person.click(person.link(/^3\b/))
  await person.sees('What the stop rule said')
  await person.page.getByRole('region', { name: 'Why' }).getByText(/patience/).first().waitFor()
})

task('why did trials fail', async (person) => {
  await person.click(person.link('played'))
  await person.click(person.button(/2 failed/))
  await person.click(person.page.locator('[role=row][data-number] a').first())
  await person.page.getByRole('log').getByText('CUDA out of memory').waitFor()
})

task('which parameter matters', async (person) => {
  await person.click(person.link('played'))
  await person.click(person.link('Parameters'))
  await person.click(person.page.getByRole('region', { name: 'Importance' }).getByRole('button', { name: 'Table' }))
  await person.page.getByRole('region', { name: 'Importance, as a table' }).getByText('lr').waitFor()
})

task('compare the two best', async (person) => {
  await person.click(person.link('played'))
  await person.click(person.link('Compare the two best'))
  await person.page.getByRole('region', { name: 'Comparison' }).getByText('lr', { exact: true }).waitFor()
  expect(await person.page.getByRole('row', { name: /^epochs/ }).count()).toBe(0)
})

task('retry the failed', async (person) => {
  await person.click(person.link('played'))
  await person.click(person.button('Retry failed (2)'))
  await person.sees(/2 trials that failed are queued again/)
  await person.click(person.button('Leave it'))
})

task('export the table', async (person) => {
  await person.click(person.link('played'))
  const download = person.page.waitForEvent('download')
  await person.click(person.button('Trials as CSV'))
  expect(readFileSync(await (await download).path(), 'utf8').split('\r\n').length).toBe(38)
})

task('how long will it take, and what runs now', async (person) => {
  await person.click(person.link('told'))
  await person.sees('1 running')
  await person.sees('0 / 3')
})

task('watch the log of what runs', async (person) => {
  await person.click(person.link('agents'))
  await person.click(person.link(`${running}/1`))
  await person.page.getByRole('log').getByText('told 0.25').waitFor()
})

task('where does the model mix up ages', async (person) => {
  await person.click(person.link('played'))
  await person.click(person.link('Heads'))
  await person.sees('age: confusion')
})

task('take a sick machine out', async (person) => {
  await person.click(person.link('agents'))
  await person.click(person.page.locator('[data-agent="told-box"]').getByRole('button', { name: 'Quarantine' }))
  await person.sees(/is taken away/)
  await person.click(person.button('Leave it'))
})

task('is the data sound, and how is it split', async (person) => {
  await person.click(person.link('played'))
  await person.click(person.link('Configuration'))
  await person.click(person.link('Data set'))
  await person.sees('Malformed files: 1')
  await person.sees('1,600')
})

task('only good trials of one kind, as a link to share', async (person) => {
  await person.click(person.link('played'))
  await person.page.getByLabel('Filter expression').fill('val_f1 > 0.8 and net = wide')
  await person.page.locator('[data-count="4"], [data-count="5"], [data-count="3"], [data-count="6"]').waitFor()
  expect(person.page.url()).toContain('where=')
})

task('stop a sweep', async (person) => {
  await person.click(person.link('told'))
  await person.click(person.page.getByRole('button', { name: 'Stop', exact: true }))
  await person.click(person.page.getByRole('dialog').getByRole('button', { name: 'Stop', exact: true }))
  await person.sees(/finished|stop/)
})

import { afterAll, beforeAll, expect, test } from 'vitest'

import { barriers } from '../harness/access'
import { selects, Stage } from './stage'

let stage: Stage
beforeAll(async () => {
  stage = await Stage.build()
})
afterAll(() => stage.close())

test('a trial is tagged and noted on its page; the table of the sweep shows it to others and filters by it', async () => {
  const others = await stage.page(`#/sweeps/${stage.played}`)
  await selects(others.page, 36)
  const watched = await stage.page(`#/sweeps/${stage.played}/trials/20`)
  const { page } = watched
  const notes = page.getByRole('region', { name: 'Notes' })
  await notes.getByLabel('Add a tag').fill('best, paper')
  await page.keyboard.press('Enter')
  await notes.getByText('paper').waitFor()
  await notes.getByRole('button', { name: 'Add a note' }).click()
  await notes.getByLabel('Note').fill('warm-up was off\nlook at it again')
  await notes.getByRole('button', { name: 'Save' }).click()
  await notes.getByText('look at it again').waitFor()
  await notes.getByLabel('Add a tag').fill('x'.repeat(65))
  await page.keyboard.press('Enter')
  await notes.getByRole('alert').getByText(/is no tag: 1 to 64 letters/).waitFor()
  expect(await barriers(page)).toEqual([])

  // The column is there without a reload: what people note is news.
  await others.page.getByRole('columnheader', { name: 'tags' }).waitFor()
  await others.page.locator('[data-number="20"]').getByText('best, paper').waitFor()
  await others.page.getByLabel('Filter expression').fill('tag = paper')
  await selects(others.page, 1)
  await notes.getByRole('button', { name: 'Take away the tag paper' }).click()
  await selects(others.page, 0)
  // The terminal has the same.
  const told = JSON.parse(await stage.house.ctl('show', `${stage.played}/20`, '-o', 'json')) as { note: string; tags: string[] }
  expect(told).toMatchObject({ note: 'warm-up was off\nlook at it again', tags: ['best'] })
  watched.quiet(/400|Bad Request/)
  others.quiet()
  await watched.close()
  await others.close()
})

test('a sweep is noted on in its header and by the terminal, and found by its tag in the list', async () => {
  const watched = await stage.page(`#/sweeps/${stage.played}`)
  const { page } = watched
  const notes = page.getByRole('region', { name: 'Notes' })
  await notes.getByLabel('Add a tag').fill('keep')
  await page.keyboard.press('Enter')
  await notes.getByText('keep').waitFor()
  await stage.house.ctl('note', stage.played, 'for the paper')
  await notes.getByText('for the paper').waitFor()
  await notes.getByRole('button', { name: 'Edit the note' }).click()
  expect(await notes.getByLabel('Note').inputValue()).toBe('for the paper')
  await notes.getByRole('button', { name: 'Leave it' }).click()
  await page.goto(`${stage.house.url}/#/`)
  await page.getByLabel('Search sweeps').fill('keep')
  await page.locator(`[data-sweep="${stage.played}"]`).getByText('keep').waitFor()
  watched.quiet()
  await watched.close()
})

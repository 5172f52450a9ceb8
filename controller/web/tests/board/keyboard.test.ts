import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { selects, Stage } from './stage'

let stage: Stage
let running: string
beforeAll(async () => {
  stage = await Stage.build()
  running = (await stage.told('told', 4)).sweep
  stage.play.say(0.2)
})
afterAll(() => stage.close())

/** What has the focus: what it is called, whether it shows so, and whether it is in a dialog. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement
    const text = element?.getAttribute('aria-label') ?? element?.textContent ?? ''
    const isRinged = !!element && (getComputedStyle(element).outlineStyle !== 'none' || element.tagName === 'BODY')
    return { text: text.trim().replace(/\s+/g, ' '), isRinged, isBody: element === document.body, inDialog: !!element?.closest('dialog') }
  })

/** Presses Tab until what has the focus is called this. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  const seen: string[] = []
  for (let i = 0; i < 120; i++) {
    await page.keyboard.press('Tab')
    const now = await focused(page)
    seen.push(now.text.slice(0, 40))
    if (name.test(now.text)) {
      expect(now.isRinged, `${now.text} has no ring`).toBe(true)
      return
    }
  }
  throw new Error(`no Tab leads to ${name}; on the way were ${seen.join(' | ')}`)
}

test('a walk without a mouse: a sweep, a filter, the table, two trials compared, a verb left alone', async () => {
  const watched = await stage.page('#/')
  const { page } = watched
  await page.getByText('played').first().waitFor()
  await tabTo(page, /^To the content$/)
  await page.keyboard.press('Enter')
  await tabTo(page, /^played$/)
  await page.keyboard.press('Enter')
  await page.getByText('36 of 36').waitFor()
  // The link that had the focus is gone: the walk begins at the top again.
  await tabTo(page, /^✓ finished 22$/)
  await page.keyboard.press('Space')
  await selects(page, 22)
  await tabTo(page, /^Filter expression$/)
  await page.keyboard.type('net = wide')
  await selects(page, 11)
  await tabTo(page, /^Table of trials$/)
  await page.keyboard.press('Space')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Space')
  await page.getByRole('link', { name: 'Compare (2)' }).waitFor()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('Enter')
  await page.getByText('Why this point').waitFor()
  expect(page.url()).toContain('/trials/20')
  // Alt and the left arrow belong to the browser's window, which a headless one has not.
  await page.goBack()
  await selects(page, 11)
  await tabTo(page, /^Retry failed \(2\)$/)
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  // The focus is back where it was.
  expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('Retry failed')
  watched.quiet()
  await watched.close()
})

test('charts are tables for those who do not see them', async () => {
  const watched = await stage.page(`#/sweeps/${stage.played}?tab=parameters`)
  const { page } = watched
  await page.getByText('PED-ANOVA').first().waitFor()
  for (const chart of ['Parallel coordinates', 'Importance', 'lr', 'net']) {
    await page.getByRole('region', { name: chart, exact: true }).getByRole('button', { name: 'Table' }).click()
    expect(await page.getByRole('region', { name: `${chart}, as a table` }).locator('tbody tr').count()).toBeGreaterThan(0)
  }
  await watched.close()
})

/** Every page: where it is, and something of each late part of it. */
const PAGES: [name: string, path: () => string, texts: RegExp[]][] = [
  ['sweeps', () => '#/', [/36 \/ 36/]],
  ['sweep', () => `#/sweeps/${stage.played}`, [/36 of 36/]],
  ['running', () => `#/sweeps/${running}`, [/1 running/, /^told-box$/]],
  ['curves', () => `#/sweeps/${stage.played}?tab=curves`, [/^trial 20$/]],
  ['parameters', () => `#/sweeps/${stage.played}?tab=parameters`, [/PED-ANOVA/]],
  ['heads', () => `#/sweeps/${stage.played}?tab=heads`, [/^age: confusion$/]],
  ['timeline', () => `#/sweeps/${stage.played}?tab=timeline`, [/^Timeline$/]],
  ['configuration', () => `#/sweeps/${stage.played}?tab=configuration`, [/maximize val_f1/]],
  ['trial', () => `#/sweeps/${stage.played}/trials/19`, [/best\.bin/, /learning/, /Compare with the best/, /last 0\./]],
  ['compare', () => `#/sweeps/${stage.played}/compare/20,17,16`, [/the same/, /val_f1 of trials/]],
  ['agents', () => '#/agents', [/^told-box$/]],
  ['dataset', () => `#/sweeps/${stage.played}/dataset`, [/1,600/]],
  ['nothing', () => '#/sweeps/zzzzzzzz', [/Try again/]],
]

describe.each(PAGES)('%s', (_, path, texts) => {
  test('Tab goes through all that can be operated, and shows where it is', async () => {
    const watched = await stage.page(path())
    const { page } = watched
    for (const text of texts) await page.getByText(text).first().waitFor()
    const walked: string[] = []
    for (;;) {
      await page.keyboard.press('Tab')
      const now = await focused(page)
      const isNew = await page.evaluate(() => {
        const element = document.activeElement as HTMLElement
        const isNew = element !== document.body && element.dataset['walked'] === undefined
        element.dataset['walked'] = ''
        return isNew
      })
      if (!isNew) break
      expect(now.isRinged, `${now.text} has no ring`).toBe(true)
      walked.push(now.text)
    }
    const missed = await page.evaluate(() => {
      const isSeen = (element: Element) => element.checkVisibility() && getComputedStyle(element).pointerEvents !== 'none'
      const name = (element: Element) => `${element.tagName} ${element.getAttribute('aria-label') ?? element.textContent ?? ''}`
      // Rows of the table of trials are gone through by arrows.
      const stops = [...document.querySelectorAll('a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, [tabindex="0"]')].filter((one) => !one.closest('[role=table]') || one.matches('button'))
      // What shows a hand can be clicked. Charts are left out: their Table, and the table of trials, do the same.
      const hands = [...document.querySelectorAll('main *, header *')].filter((one) => getComputedStyle(one).cursor === 'pointer' && !one.closest('.chart, [role=table]'))
      return [
        ...stops.filter((one) => isSeen(one) && (one as HTMLElement).dataset['walked'] === undefined).map(name),
        ...hands.filter((one) => !one.closest('a[href], button, label, select, input')).map(name),
      ]
    })
    expect(missed).toEqual([])
    expect(walked.length).toBeGreaterThan(6)
    await watched.close()
  })
})

/** Each verb that asks before it acts: where it is, what it is called, and what its dialog is called. */
const QUESTIONS: [verb: RegExp, path: () => string, text: RegExp][] = [
  [/^New sweep$/, () => '#/', /36 \/ 36/],
  [/^Pause$/, () => `#/sweeps/${running}`, /1 running/],
  [/^Stop$/, () => `#/sweeps/${running}`, /1 running/],
  [/^Cancel$/, () => `#/sweeps/${running}`, /1 running/],
  [/^Extend$/, () => `#/sweeps/${running}`, /1 running/],
  [/^Clone$/, () => `#/sweeps/${running}`, /1 running/],
  [/^Columns$/, () => `#/sweeps/${running}`, /1 running/],
  [/^Use in demo$/, () => `#/sweeps/${stage.played}`, /36 of 36/],
  [/^Retry failed \(2\)$/, () => `#/sweeps/${stage.played}`, /36 of 36/],
  [/^Use in demo$/, () => `#/sweeps/${stage.played}/trials/20`, /best\.bin/],
  [/^Stop$/, () => `#/sweeps/${running}/trials/1`, /▶ running/],
  [/^Retry$/, () => `#/sweeps/${stage.played}/trials/34`, /CUDA out of memory/],
  [/^Drain$/, () => '#/agents', /^told-box$/],
  [/^Quarantine$/, () => '#/agents', /^told-box$/],
]

test.each(QUESTIONS)('%s keeps the focus within its dialog, and gives it back on Escape', async (verb, path, text) => {
  const watched = await stage.page(path())
  const { page } = watched
  await page.getByText(text).first().waitFor()
  await tabTo(page, verb)
  const before = await focused(page)
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  expect((await focused(page)).inDialog).toBe(true)
  let rounds = 0
  for (let i = 0; i < 120 && rounds < 2; i++) {
    await page.keyboard.press('Tab')
    const now = await focused(page)
    // Between two rounds the focus is with the browser's own window.
    if (now.isBody) rounds += 1
    else expect(now.inDialog, `${now.text} is not in the dialog`).toBe(true)
  }
  expect(rounds).toBe(2)
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(await focused(page)).toEqual(before)
  watched.quiet()
  await watched.close()
})

test('verbs are done by keys: pause, resume, drain with a reason', async () => {
  const watched = await stage.page(`#/sweeps/${running}`)
  const { page } = watched
  const does = async (verb: RegExp, typed = '') => {
    await tabTo(page, verb)
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    if (typed) await page.keyboard.type(typed)
    await tabTo(page, verb)
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }
  await page.getByText('1 running').waitFor()
  await does(/^Pause$/)
  await page.getByText('‖ paused').waitFor()
  await does(/^Resume$/)
  await page.getByText('▶ running', { exact: false }).first().waitFor()
  await page.goto(`${stage.house.url}/#/agents`)
  const row = page.locator('[data-agent="told-box"]')
  await row.getByText('working').waitFor()
  await does(/^Drain$/, 'new driver')
  await row.getByText('new driver').waitFor()
  watched.quiet()
  await watched.close()
})

test('the tabs of a sweep, and the order of its table, by keys', async () => {
  const watched = await stage.page(`#/sweeps/${stage.played}`)
  const { page } = watched
  await page.getByText('36 of 36').waitFor()
  for (const tab of ['Curves', 'Parameters', 'Heads', 'Timeline', 'Configuration', 'Trials']) {
    await tabTo(page, new RegExp(`^${tab}$`))
    await page.keyboard.press('Enter')
    await page.getByRole('link', { name: tab, exact: true, includeHidden: false }).and(page.locator('[aria-current=page]')).waitFor()
    expect((await focused(page)).text).toBe(tab)
  }
  await tabTo(page, /^lr$/)
  await page.keyboard.press('Enter')
  await page.locator('[role=columnheader][aria-sort=ascending]', { hasText: 'lr' }).waitFor()
  await tabTo(page, /^time$/)
  await page.keyboard.press('Shift+Enter')
  expect(await page.locator('[role=columnheader]:not([aria-sort=none])[aria-sort]').count()).toBe(2)
  watched.quiet()
  await watched.close()
})

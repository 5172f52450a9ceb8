import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { selects, Stage } from './stage'

let stage: Stage
beforeAll(async () => {
  stage = await Stage.build()
})
afterAll(() => stage.close())

/** Presses Tab until what has the focus is called this. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  const seen: string[] = []
  for (let i = 0; i < 120; i++) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(() => {
      const element = document.activeElement
      const style = element ? getComputedStyle(element) : null
      const text = element?.getAttribute('aria-label') ?? element?.textContent ?? ''
      return { text: text.trim().replace(/\s+/g, ' '), isRinged: style?.outlineStyle !== 'none' }
    })
    seen.push(focused.text.slice(0, 40))
    if (name.test(focused.text)) {
      expect(focused.isRinged, `${focused.text} has no ring`).toBe(true)
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

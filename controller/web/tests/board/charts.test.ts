import { readFileSync } from 'node:fs'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { axisAt, FRAME } from '../../src/board/draw/parallel'
import { at, chart, colour, drag, drawing } from './chart'
import { linked, selected, selects, Stage } from './stage'

let stage: Stage
beforeAll(async () => {
  stage = await Stage.build()
})
afterAll(() => stage.close())

const open = async (query: string) => {
  const watched = await stage.page(`#/sweeps/${stage.played}${query}`, { acceptDownloads: true })
  await linked(watched.page, 'live')
  return watched
}

/** Asks of the page that it made for curves, with what they ask for. */
function asked(page: Page, call: string): string[] {
  const found: string[] = []
  page.on('request', (request) => request.url().endsWith(call) && found.push(request.postDataBuffer()?.toString('latin1') ?? ''))
  return found
}

test('what draws is fetched when something is seen that needs it', async () => {
  const watched = await stage.page('#/')
  const { page } = watched
  await page.getByText('played').first().waitFor()
  const chunks = () => watched.asked.filter((one) => /uplot|echarts/.test(one) && one.endsWith('.js')).map((one) => one.replace(/.*assets\/|-.*/g, ''))
  expect(chunks()).toEqual([])
  await page.goto(`${stage.house.url}/#/sweeps/${stage.played}?tab=curves`)
  await chart(page, 'Learning curves')
  expect(chunks()).toEqual(['uplot'])
  await page.getByRole('link', { name: 'Parameters' }).click()
  await chart(page, 'Importance')
  expect(chunks()).toEqual(['uplot', 'echarts'])
  watched.quiet()
  await watched.close()
})

test('what draws and cannot be fetched is missed in words', async () => {
  const watched = await stage.page(`#/sweeps/${stage.played}?tab=curves`, {}, async (page) => {
    await page.route('**/assets/{uplot,echarts}*.js', (route) => route.abort())
  })
  const { page } = watched
  const region = page.getByRole('region', { name: 'Learning curves' })
  await region.getByRole('alert').getByText(/What draws charts could not be loaded/).waitFor()
  // The numbers are there all the same.
  await region.getByRole('button', { name: 'Table' }).click()
  await region.locator('tbody tr').first().waitFor()
  await watched.close()
})

test('a drag over curves shows that stretch, which is asked for anew; a double click shows all', async () => {
  const watched = await open('?tab=curves')
  const { page } = watched
  const before = await drawing(page, 'Learning curves')
  const questions = asked(page, 'GetTopCurves')
  await drag(page, 'Learning curves', [0.3, 0.3], [0.6, 0.6])
  await page.getByRole('button', { name: 'Whole range' }).waitFor()
  expect(page.url()).toMatch(/zoom=1\d\.?\d*%7E2\d/)
  await expect.poll(() => questions.length).toBe(1)
  // The table has what was asked for: the stretch, and a point on either side.
  await page.getByRole('region', { name: 'Learning curves' }).getByRole('button', { name: 'Table' }).click()
  const steps = await page.getByRole('region', { name: 'Learning curves, as a table' }).locator('tbody td:nth-child(2)').allTextContents()
  expect(Math.min(...steps.map(Number))).toBeGreaterThan(8)
  expect(Math.max(...steps.map(Number))).toBeLessThan(30)
  await page.getByRole('region', { name: 'Learning curves' }).getByRole('button', { name: 'Table' }).click()
  await page.mouse.dblclick(...(await at(page, 'Learning curves', [0.5, 0.9])))
  await page.getByRole('button', { name: 'Whole range' }).waitFor({ state: 'detached' })
  await expect.poll(() => drawing(page, 'Learning curves')).toBe(before)
  watched.quiet()
  await watched.close()
})

test('the curve under the pointer says what it is, and a click opens its trial, in a stretch too', async () => {
  const watched = await open('?tab=curves&top=5')
  const { page } = watched
  await drawing(page, 'Learning curves')
  // The best curve is the highest, and ends at the right edge.
  const end = await at(page, 'Learning curves', [1, 0.05])
  await page.mouse.move(end[0] - 16, end[1])
  await page.locator('.tip').getByText('trial 20', { exact: true }).waitFor()
  await page.locator('.tip').getByText(/^val_f1 0\.88/).waitFor()
  await page.mouse.click(end[0] - 16, end[1])
  await page.getByText('Why this point').waitFor()
  expect(page.url()).toContain('/trials/20')
  await page.goBack()
  await page.getByRole('link', { name: 'trial 20' }).waitFor()
  await drag(page, 'Learning curves', [0.3, 0.3], [0.99, 0.6])
  await page.getByRole('button', { name: 'Whole range' }).waitFor()
  await page.mouse.click(...(await at(page, 'Learning curves', [0.98, 0.05])))
  await page.getByText('Why this point').waitFor()
  watched.quiet()
  await watched.close()
})

test('what is selected is shown where it is, and a click on the axis takes it away', async () => {
  const watched = await open('')
  const { page } = watched
  const place = async (share: number): Promise<[number, number]> => {
    const { width } = (await page.getByRole('img', { name: /^Parallel/ }).boundingBox())!
    return [axisAt(0, 3, width) / width, share]
  }
  await drag(page, 'Parallel', await place(0.2), await place(0.5))
  await page.getByRole('button', { name: /Take away the filter lr/ }).waitFor()
  expect(await selected(page)).toBeLessThan(36)
  // It is in the address, and a link shows it too: beside the axis, where no line is.
  const beside: [number, number] = [(await place(0))[0] - 0.015, 0.4]
  const other = await stage.page(page.url().slice(stage.house.url.length + 1))
  await selects(other.page, await selected(page))
  const shown = await colour(page, 'Parallel', beside)
  const nothing = await colour(page, 'Parallel', [beside[0], 0.95])
  expect(shown).not.toBe(nothing)
  await expect.poll(() => colour(other.page, 'Parallel', beside)).toBe(shown)
  await other.close()
  await page.mouse.click(...(await at(page, 'Parallel', await place(0.85))))
  await selects(page, 36)
  await expect.poll(() => colour(page, 'Parallel', beside)).toBe(nothing)
  watched.quiet()
  await watched.close()
})

test('a line between the axes says its trial, and a click opens it', async () => {
  const watched = await open('')
  const { page } = watched
  // From the best learning rate to the best net: nobody else goes there.
  const box = (await (await chart(page, 'Parallel')).boundingBox())!
  const [left, right] = [axisAt(0, 3, box.width), axisAt(1, 3, box.width)]
  const height = (share: number) => FRAME.top + (1 - share) * (box.height - FRAME.top - FRAME.bottom)
  const [from, to] = [height(0.5), height(2.3 / 2.6)]
  await page.mouse.move(box.x + left + 0.25 * (right - left), box.y + from + 0.25 * (to - from))
  await page.locator('.tip').getByText('trial 20', { exact: true }).waitFor()
  await page.mouse.click(box.x + left + 0.25 * (right - left), box.y + from + 0.25 * (to - from))
  await page.getByText('Why this point').waitFor()
  expect(page.url()).toContain('/trials/20')
  watched.quiet()
  await watched.close()
})

test('dots of a slice are dragged over, and a click beside them clears the box', async () => {
  const watched = await open('?tab=parameters')
  const { page } = watched
  await drag(page, 'lr\\.', [0.3, 0.1], [0.6, 0.5])
  await page.getByRole('button', { name: /Take away the filter lr/ }).waitFor()
  await page.getByRole('button', { name: /Take away the filter val_f1/ }).waitFor()
  await page.mouse.click(...(await at(page, 'lr\\.', [0.9, 0.15])))
  await page.getByRole('button', { name: /Take away the filter lr/ }).waitFor({ state: 'detached' })
  expect(await page.getByRole('button', { name: /Take away the filter/ }).count()).toBe(0)
  watched.quiet()
  await watched.close()
})

test('two parameters are shown against each other, and which is in the address', async () => {
  const watched = await open('?tab=parameters')
  const { page } = watched
  await page.getByText('PED-ANOVA').first().waitFor()
  const across = page.getByRole('region', { name: 'Two parameters' }).getByLabel('across')
  const up = page.getByRole('region', { name: 'Two parameters' }).getByLabel('up')
  const before = [await across.inputValue(), await up.inputValue()]
  expect([...before].sort()).toEqual(['p:lr', 'p:net'])
  await across.selectOption(before[1]!)
  expect([await across.inputValue(), await up.inputValue()]).toEqual([before[1], before[0]])
  const other = await stage.page(page.url().slice(stage.house.url.length + 1))
  await other.page.getByText('PED-ANOVA').first().waitFor()
  expect(await other.page.getByLabel('across').inputValue()).toBe(before[1])
  await other.close()
  await drag(page, 'Two parameters', [0.2, 0.05], [0.6, 0.6])
  await page.getByRole('button', { name: /Take away the filter net/ }).waitFor()
  watched.quiet()
  await watched.close()
})

test('the scale of the history and the split of heads are in the address', async () => {
  const { page } = await open('?tab=heads')
  await page.getByRole('button', { name: 'test', exact: true }).click()
  await page.getByLabel('per cent of rows').uncheck()
  expect(page.url()).toMatch(/split=test.*counts=1/)
  await page.reload()
  expect(await page.getByRole('button', { name: 'test', exact: true }).getAttribute('aria-pressed')).toBe('true')
  await page.getByRole('link', { name: 'Trials', exact: true }).click()
  const before = await drawing(page, 'History')
  await page.getByRole('checkbox', { name: 'log' }).check()
  expect(page.url()).toContain('loghistory=1')
  await expect.poll(() => drawing(page, 'History')).not.toBe(before)
  await page.context().close()
})

test('a chart is drawn anew in the colours of another theme, and leaves as files in them', async () => {
  const { page } = await open('?tab=curves')
  const before = await drawing(page, 'Learning curves')
  await page.emulateMedia({ colorScheme: 'dark' })
  await expect.poll(() => drawing(page, 'Learning curves')).not.toBe(before)
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Learning curves as SVG', exact: true }).click()])
  const file = readFileSync(await download.path(), 'utf8')
  // The median is dashed, the curves have names, the paper is dark.
  const has = [/^<svg .*<\/svg>\n$/s, '<title>Learning curves</title>', 'rgb(20, 23, 28)', 'stroke-dasharray', '>20</text>'].map((part) => (typeof part === 'string' ? file.includes(part) : part.test(file)))
  expect(has).toEqual([true, true, true, true, true])
  await page.context().close()
})

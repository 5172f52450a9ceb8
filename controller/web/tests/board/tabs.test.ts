/** Many tabs of one browser: one stream for all that are seen, whether there are shared workers or not. */
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

import { Counted } from '../harness/counted'
import { linked, Stage, turn } from './stage'

const STREAM = '/sweep.v1.DashboardService/WatchAll'

let stage: Stage
let counted: Counted
let sweep: string
beforeAll(async () => {
  stage = await Stage.build()
  counted = await Counted.before(stage.house.url)
  sweep = (await stage.told('told', 4)).sweep
})
afterAll(async () => {
  await stage.close()
  await counted.close()
})

/** Numbers that no other point has. */
let points = 0
const next = () => Number((0.1 + ++points / 1000).toFixed(3))

async function tabs(context: BrowserContext, count: number): Promise<Page[]> {
  const pages: Page[] = []
  for (let i = 0; i < count; i++) {
    const page = await context.newPage()
    await page.goto(`${counted.url}/#/sweeps/${sweep}/trials/1`)
    pages.push(page)
  }
  for (const page of pages) await linked(page, 'live')
  return pages
}

/** Tells a point and waits until all of these have it. */
async function told(pages: Page[]): Promise<void> {
  const point = next()
  stage.play.say(point)
  await Promise.all(pages.map((page) => page.getByText(`last ${point}`).first().waitFor()))
}

async function streams(count: number): Promise<void> {
  await vi.waitFor(() => expect(counted.open(STREAM)).toBe(count), { timeout: 10_000, interval: 50 })
}

describe.each([
  ['a shared worker', false],
  ['no shared worker: one tab leads', true],
])('%s', (_, isWithout) => {
  async function browser(): Promise<BrowserContext> {
    const context = await stage.browser.newContext()
    if (isWithout) await context.addInitScript(() => Reflect.deleteProperty(window, 'SharedWorker'))
    return context
  }

  test('ten tabs have one stream, and all are told', async () => {
    const context = await browser()
    const pages = await tabs(context, 10)
    expect(await pages[0]!.evaluate(() => 'SharedWorker' in window)).toBe(!isWithout)
    await told(pages)
    expect(counted.open(STREAM)).toBe(1)
    // The first one, which leads where one leads, is closed: the others go on, by one stream.
    await pages[0]!.close()
    await told(pages.slice(1))
    await streams(1)
    await context.close()
    await streams(0)
  })

  test('a hidden tab is told nothing, and has what came meanwhile when it is seen again', async () => {
    const context = await browser()
    const pages = await tabs(context, 2)
    const [first, second] = pages as [Page, Page]
    await told(pages)
    await turn(first, 'hidden')
    const point = next()
    stage.play.say(point)
    await second.getByText(`last ${point}`).first().waitFor()
    expect(await first.getByText(`last ${point}`).count()).toBe(0)
    await turn(first, 'visible')
    await first.getByText(`last ${point}`).first().waitFor()
    await told(pages)
    await context.close()
  })

  test('when all tabs are hidden there is no stream, and one again when one is seen', async () => {
    const context = await browser()
    const pages = await tabs(context, 3)
    await told(pages)
    await streams(1)
    for (const page of pages) await turn(page, 'hidden')
    await streams(0)
    const made = counted.made(STREAM)
    const point = next()
    stage.play.say(point)
    // The controller has answered somebody else since: a tab that asked would have been before.
    await stage.house.ctl('show', `${sweep}/1`)
    expect(counted.made(STREAM)).toBe(made)
    await turn(pages[2]!, 'visible')
    await pages[2]!.getByText(`last ${point}`).first().waitFor()
    await streams(1)
    await context.close()
  })
})

test('neither shared workers nor locks, as over plain HTTP from another machine: each tab that is seen has a stream', async () => {
  const context = await stage.browser.newContext()
  await context.addInitScript(() => {
    Reflect.deleteProperty(window, 'SharedWorker')
    Reflect.deleteProperty(Navigator.prototype, 'locks')
  })
  const pages = await tabs(context, 3)
  await told(pages)
  await streams(3)
  await turn(pages[0]!, 'hidden')
  await streams(2)
  await told(pages.slice(1))
  await context.close()
  await streams(0)
})

/** A house for the board's tests: a sweep that is over, one that does what it is told, and a browser. */
import { createClient } from '@connectrpc/connect'
import { createGrpcWebTransport } from '@connectrpc/connect-web'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'

import { open, Watched } from '../harness/browser'
import { House } from '../harness/house'
import { Play, PLAYED, told } from '../harness/play'
import { finished, type Running } from '../harness/process'
import { DashboardService } from '../../src/wire/sweep/v1/dashboard_pb'

export class Stage {
  readonly #told: { sweep: string; agent: Running }[] = []

  private constructor(
    readonly house: House,
    readonly play: Play,
    readonly browser: Browser,
    /** The sweep that is over. */
    readonly played: string,
  ) {}

  static async build(): Promise<Stage> {
    const house = await House.build()
    const play = new Play(house)
    const played = await house.create(PLAYED)
    const agent = house.start('sweep-agent', [played, '--slots', '4', '--name', 'box', '--state-dir', 'agent'])
    await finished(agent, 100)
    return new Stage(house, play, await open(), played)
  }

  /** Creates a sweep whose trials do what they are told, and an agent with one slot for it. */
  async told(name: string, cap = 3): Promise<{ sweep: string; agent: Running }> {
    const sweep = await this.house.create(told(name, cap))
    const agent = this.house.start('sweep-agent', [sweep, '--slots', '1', '--name', `${name}-box`, '--state-dir', `agent-${name}`])
    this.#told.push({ sweep, agent })
    return { sweep, agent }
  }

  /** Makes the layout of the sweeps the usual one again, which is one for all browsers. */
  async forgetLayout(): Promise<void> {
    const board = createClient(DashboardService, createGrpcWebTransport({ baseUrl: this.house.url }))
    await board.setLayout({ project: 'tests', layoutJson: '' })
  }

  async page(path: string, options?: BrowserContextOptions, before?: (page: Page) => Promise<void>): Promise<Watched> {
    return Watched.open(this.browser, `${this.house.url}/${path}`, options, before)
  }

  async close(): Promise<void> {
    await this.browser.close()
    // A trial that waits to be told outlives its agent, by design: it is cancelled, and then its agent ends.
    for (const { sweep, agent } of this.#told) {
      await this.house.ctl('cancel', sweep).catch(() => undefined)
      await agent.stop()
    }
    await this.house.close()
    this.play.close()
  }
}

/** How many trials the table of a sweep's page says are selected. */
export async function selected(page: Page): Promise<number> {
  return Number(await page.locator('[data-count]').getAttribute('data-count'))
}

/** Waits until the table says that so many are selected. */
export async function selects(page: Page, count: number): Promise<void> {
  await page.locator(`[data-count="${count}"]`).waitFor()
}

/** Waits until the badge says this. */
export async function linked(page: Page, link: 'live' | 'reconnecting' | 'stale'): Promise<void> {
  await page.locator(`[data-link="${link}"]`).waitFor({ timeout: 20_000 })
}

/** A headless browser shows all its tabs: what a person does by going to another one is said by hand. */
export async function turn(page: Page, state: 'hidden' | 'visible'): Promise<void> {
  await page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }, state)
}

/** What the page says when something is missing or wrong: each designed state, and its picture for the documentation. */
import { networkInterfaces } from 'node:os'

import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import type { Model } from '../../src/demo/api'
import { barriers } from '../harness/access'
import { CAMERA, open, Watched } from '../harness/browser'
import { House } from '../harness/house'
import { shot } from '../harness/shot'
import { answer, type Answers, model, prediction } from './answers'

let house: House
let browser: Browser
let watched: Watched | undefined

beforeAll(async () => {
  house = await House.build()
  browser = await open()
})
afterEach(async () => {
  await watched?.close()
  watched = undefined
})
afterAll(async () => {
  await browser?.close()
  await house?.close()
})

/** The page at a place of it; with `answers`, where a controller would answer like this. */
async function demo(place = '', answers: Answers = {}): Promise<Page> {
  watched = await Watched.open(browser, `${house.url}/demo${place}`, {}, (page) => answer(page, answers))
  return watched.page
}

const notice = (page: Page, state: string) => page.locator(`[data-state="${state}"]`)
const sample = (page: Page, number: number) => page.getByRole('button', { name: `sample ${number}`, exact: true })
const FAILED = /the server responded with a status of|net::ERR_/

describe('a controller without models', () => {
  it('is told the command that promotes one', async () => {
    const page = await demo()
    await notice(page, 'no_model').waitFor()
    expect(await notice(page, 'no_model').textContent()).toContain('sweep-ctl model promote')
    await sample(page, 12).waitFor()
    expect(await barriers(page)).toEqual([])
    await shot(page, 'demo-no-model')
    watched?.quiet()
  })

  it('is looked at again, so that the page goes on by itself', async () => {
    const page = await demo()
    await notice(page, 'no_model').waitFor()
    await answer(page, { models: [model({ predictors: [] })] })
    await notice(page, 'no_predictor').waitFor()
    expect(await notice(page, 'no_predictor').textContent()).toContain(`sweep-train serve --controller ${house.url}`)
    watched?.quiet()
  })

  it('answers a picture all the same, by the same state', async () => {
    const page = await demo()
    await sample(page, 1).click()
    await notice(page, 'no_model').getByRole('button', { name: 'Try again' }).waitFor()
    watched?.quiet(FAILED)
  })
})

describe('answers that are none', () => {
  it('a queue that is full', async () => {
    let full = true
    const page = await demo('', {
      models: [model()],
      predict: async (route) => {
        const error = { code: 'busy', message: '64 pictures wait for their turn already.', fix: 'Try again in a second.' }
        if (full) await route.fulfill({ status: 503, headers: { 'Retry-After': '1' }, json: { schema: 'sweep.v1', error } })
        else await route.fulfill({ json: prediction() })
      },
    })
    await sample(page, 5).click()
    await notice(page, 'busy').waitFor()
    full = false
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.locator('article[data-head="age"]').waitFor()
    watched?.quiet(FAILED)
  })

  it('a failure that nobody foresaw', async () => {
    const page = await demo('', { models: [model()], predict: (route) => route.fulfill({ status: 502, body: '<html>' }) })
    await sample(page, 5).click()
    await notice(page, 'internal').getByText('status 502').waitFor()
    watched?.quiet(FAILED)
  })

  it('a file too large to send, that the browser cannot make smaller', async () => {
    const page = await demo('#upload', { models: [model()] })
    const noise = Buffer.alloc(10 * 1024 * 1024 + 1, 7)
    await page.locator('input[type=file]').setInputFiles({ name: 'scan.tiff', mimeType: 'image/tiff', buffer: noise })
    await notice(page, 'too_large').waitFor()
    expect(await notice(page, 'too_large').textContent()).toContain('10.5 MB')
    expect(await notice(page, 'too_large').getByRole('button').count()).toBe(0)
    expect(watched?.asked.filter((request) => request.startsWith('POST'))).toEqual([])
    await shot(page, 'demo-too-large')
    watched?.quiet()
  })
})

describe('what is said of a model', () => {
  const answers = (...models: Model[]): Answers => ({ models, predict: (route) => route.fulfill({ json: prediction() }) })

  it('is two likely ages and races, both sexes, and what each head is worth', async () => {
    const page = await demo('', answers(model()))
    await sample(page, 3).click()
    await page.locator('article[data-head="age"]').waitFor()
    const lines = async (head: string) => (await page.locator(`article[data-head="${head}"] li`).allInnerTexts()).map((text) => text.split(/\s*\n+\s*/))
    expect(await lines('age')).toEqual([['20 to 30', '54 %'], ['30 to 40', '27 %'], ['other', '19 %']])
    expect(await lines('sex')).toEqual([['Female', '91 %'], ['Male', '9 %']])
    expect(await lines('race')).toEqual([['Asian', '72 %'], ['White', '14 %'], ['other', '14 %']])
    const age = await page.locator('article[data-head="age"]').innerText()
    expect(age).toContain('test F1 0.61')
    expect(age).toContain('right about 7 times in 10 on the test split (1185 pictures)')
    expect(await page.locator('[aria-live="polite"]').textContent()).toBe(
      'Age: 20 to 30, 54 %; 30 to 40, 27 %. Sex: Female, 91 %. Race: Asian, 72 %; White, 14 %.',
    )
    watched?.quiet()
  })

  it('is that it was trained on something else than the samples, where it was', async () => {
    const page = await demo('', answers(model({ made_up: false })))
    await page.getByText('this model was trained on something else').waitFor()
    await shot(page, 'demo-other-data')
    watched?.quiet()
  })

  it('is chosen by its name, which stays in the address', async () => {
    const page = await demo('', answers(model(), model({ id: '2', name: 'older one', default: false })))
    await sample(page, 1).click()
    await page.getByLabel('model').selectOption('older one')
    await expect.poll(() => watched?.asked.filter((request) => request.startsWith('POST'))).toEqual([
      'POST /api/v1/predict',
      'POST /api/v1/predict?model=older%20one',
    ])
    await page.reload()
    await expect.poll(() => page.getByLabel('model').inputValue()).toBe('older one')
    watched?.quiet()
  })
})

describe('a model promoted while the page is open', () => {
  it('is shown with its own scores', async () => {
    const newer = model({ id: 'newer', name: 'newer one', scores: { validation: null, test: null } })
    const page = await demo('', {
      models: [model()],
      predict: (route) => route.fulfill({ json: { ...prediction(), model: { id: 'newer', name: 'newer one', trial: 'k3x9q2ab/5' } } }),
    })
    await sample(page, 1).waitFor()
    await answer(page, { models: [newer, model({ default: false })] })
    await sample(page, 1).click()
    await page.locator('article[data-head="age"]').getByText('nothing was measured of this checkpoint').waitFor()
    expect(await page.getByLabel('model').inputValue()).toBe('newer one')
    watched?.quiet()
  })
})

describe('the keyboard', () => {
  it('moves between tabs and between samples by arrows', async () => {
    const page = await demo()
    await sample(page, 1).waitFor()
    await page.getByRole('tab', { name: 'sample' }).focus()
    await page.keyboard.press('Tab')
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent)
    expect(await focused()).toBe('sample 1')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowDown')
    expect(await focused()).toBe('sample 6')
    await page.keyboard.press('Enter')
    await expect.poll(() => sample(page, 6).getAttribute('aria-pressed')).toBe('true')
    await page.getByRole('tab', { name: 'sample' }).focus()
    await page.keyboard.press('ArrowRight')
    expect(await focused()).toBe('upload')
    await page.locator('input[type=file]').waitFor({ state: 'attached' })
    await page.keyboard.press('ArrowRight')
    await page.getByRole('button', { name: 'Turn the camera on' }).waitFor()
    watched?.quiet(FAILED)
  })
})

describe('a camera that cannot be had', () => {
  async function asked(args: string[], state: string): Promise<void> {
    const own = await open(args)
    try {
      const page = await Watched.open(own, `${house.url}/demo#camera`, {}, (page) => answer(page, { models: [model()] }))
      await page.page.getByRole('button', { name: 'Turn the camera on' }).click()
      await notice(page.page, state).waitFor()
      expect(await barriers(page.page)).toEqual([])
      await shot(page.page, `demo-${state}`)
      page.quiet()
    } finally {
      await own.close()
    }
  }

  it('is absent', () => asked(['--use-fake-device-for-media-stream=device-count=0', '--use-fake-ui-for-media-stream'], 'camera-absent'))

  it('is refused', () => asked(['--use-fake-device-for-media-stream', '--deny-permission-prompts'], 'camera-refused'))

  it('is turned off with its tab', async () => {
    const own = await open(CAMERA)
    try {
      const { page } = await Watched.open(own, `${house.url}/demo#camera`)
      // The page's own stream, kept to be looked at after the page let go of it.
      await page.getByRole('button', { name: 'Turn the camera on' }).click()
      const video = await page.locator('video').elementHandle()
      const track = await video?.evaluateHandle((element) => ((element as HTMLVideoElement).srcObject as MediaStream).getTracks()[0])
      expect(await track?.evaluate((it) => it?.readyState)).toBe('live')
      await page.getByRole('tab', { name: 'sample' }).click()
      await expect.poll(() => track?.evaluate((it) => it?.readyState)).toBe('ended')
    } finally {
      await own.close()
    }
  })

  it('is hidden from a page that came over the network in clear text', async () => {
    const address = Object.values(networkInterfaces()).flat().find((one) => one && !one.internal && one.family === 'IPv4')?.address
    expect(address, 'this machine has no address but localhost: the state cannot be seen').toBeDefined()
    const outside = await House.build({ listen: `${address}:0` })
    try {
      watched = await Watched.open(browser, `${outside.url}/demo#camera`, {}, (page) => answer(page, { models: [model()] }))
      const { page } = watched
      await notice(page, 'camera-insecure').waitFor()
      const { port } = new URL(outside.url)
      expect(await notice(page, 'camera-insecure').textContent()).toContain(`ssh -N -L ${port}:${address}:${port} ${address}`)
      await shot(page, 'demo-camera-insecure')
      watched.quiet()
    } finally {
      await outside.close()
    }
  })
})

describe('a controller that is gone', () => {
  it('is missed, and found again by a click', async () => {
    const page = await demo('', { models: [model()] })
    await sample(page, 2).waitFor()
    await page.context().setOffline(true)
    await sample(page, 2).click()
    await notice(page, 'offline').waitFor()
    expect(await barriers(page)).toEqual([])
    await shot(page, 'demo-offline')
    await page.context().setOffline(false)
    await page.getByRole('button', { name: 'Try again' }).click()
    await notice(page, 'no_model').waitFor()
    watched?.quiet(FAILED)
  })
})

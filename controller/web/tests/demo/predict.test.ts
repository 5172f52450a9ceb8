/** The demo page against real processes: a trained trial is promoted, a predictor serves it, a browser asks. One story, in
 *  order. */
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'

import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'

import { type Head, HEADS, type Model, type Prediction } from '../../src/demo/api'
import { percent } from '../../src/demo/wording'
import { barriers } from '../harness/access'
import { CAMERA, open, Watched } from '../harness/browser'
import { House } from '../harness/house'
import type { Running } from '../harness/process'
import { shot } from '../harness/shot'
import { changed, files, holding } from '../harness/traces'
import { drawn, turned } from './pictures'

const shared = inject('house')
const FAILED = /the server responded with a status of/
let house: House
let browser: Browser
let watched: Watched
let page: Page
let predictor: Running
let model: Model

function serve(...args: string[]): Running {
  return house.start('sweep-train', ['serve', '--controller', house.url, '--listen', '127.0.0.1:0', ...args])
}

beforeAll(async () => {
  house = House.at(shared)
  browser = await open(CAMERA)
  await house.ctl('model', 'promote', `${shared.sweep}/1`)
  watched = await Watched.open(browser, `${house.url}/demo`, { permissions: ['clipboard-read', 'clipboard-write', 'camera'] })
  page = watched.page
}, 60_000)

afterAll(async () => {
  await browser?.close()
  await house?.close()
})

const notice = (state: string) => page.locator(`[data-state="${state}"]`)

/** What comes back for what a person does. */
async function answerTo(act: () => Promise<unknown>): Promise<Prediction> {
  const [response] = await Promise.all([page.waitForResponse('**/api/v1/predict*'), act()])
  expect(response.status()).toBe(200)
  const prediction = (await response.json()) as Prediction
  await page.getByText(`${prediction.image.width} × ${prediction.image.height} pixels`).waitFor()
  return prediction
}

const upload = (buffer: Buffer, name = 'me.jpg') => page.locator('input[type=file]').setInputFiles({ name, mimeType: 'image/jpeg', buffer })

async function sample(name: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(`${house.url}/api/v1/samples/${name}`)).arrayBuffer())
}

/** What `sweep-train predict` says of a picture, with the files of the promoted model. */
async function predicted(picture: Buffer, name: string): Promise<Record<Head, Prediction['age']>> {
  const folder = join(house.folder, 'fetched')
  house.keep(join('fetched', name), picture)
  const weights = model.files.find((file) => file.role === 'weights')?.name ?? ''
  const [one] = JSON.parse(await house.train('predict', join(folder, name), '--model', join(folder, weights), '-o', 'json'))
  return one
}

/** The largest difference between two answers, over all classes of all heads. */
function apart(one: Record<Head, Prediction['age']>, other: Record<Head, Prediction['age']>): number {
  const differences = HEADS.flatMap((head) =>
    one[head].map((guess) => {
      const same = other[head].find((it) => it.class === guess.class)
      return same === undefined ? 1 : Math.abs(same.probability - guess.probability)
    }),
  )
  return Math.max(...differences)
}

describe('a promoted model', () => {
  it('has no predictor at first, and the page goes on by itself when there is one', async () => {
    await notice('no_predictor').waitFor()
    expect(await notice('no_predictor').textContent()).toContain(`sweep-train serve --controller ${house.url}`)
    expect(await barriers(page)).toEqual([])
    await shot(page, 'demo-no-predictor')
    predictor = serve()
    await predictor.address()
    await page.getByText('the guesses appear here').waitFor()
    const { models } = (await (await fetch(`${house.url}/api/v1/models`)).json()) as { models: Model[] }
    expect(models.length).toBe(1)
    model = models[0] as Model
    // For `sweep-train predict`, which is asked about the same pictures.
    for (const file of model.files) {
      const bytes = Buffer.from(await (await fetch(house.url + file.url)).arrayBuffer())
      house.keep(join('fetched', file.name), bytes)
    }
  })

  it('answers a sample as sweep-train predict does', async () => {
    const prediction = await answerTo(() => page.getByRole('button', { name: 'sample 4', exact: true }).click())
    expect(apart(prediction, await predicted(await sample('04.jpg'), '04.jpg'))).toBeLessThan(1e-4)
    for (const head of HEADS) {
      const guesses = prediction[head]
      const lines = await page.locator(`article[data-head="${head}"] li`).allInnerTexts()
      const shown = lines.map((line) => line.trim().split(/\s*\n+\s*/))
      const other = guesses.slice(2).reduce((sum, guess) => sum + guess.probability, 0)
      const expected = guesses.slice(0, 2).map((guess) => [guess.class, percent(guess.probability)])
      expect(shown).toEqual(head === 'sex' ? expected : [...expected, ['other', percent(other)]])
    }
    const age = await page.locator('article[data-head="age"]').innerText()
    const { test } = model.scores
    expect(test).not.toBeNull()
    expect(age).toContain(`test F1 ${test?.heads.age.macro_f1.toFixed(2)}`)
    expect(await page.locator('main').innerText()).toContain(`trial ${shared.sweep}/1`)
    await shot(page, 'demo-sample', { whole: true })
    expect(await barriers(page)).toEqual([])
  })

  it('is shown in dark colours and on a narrow screen', async () => {
    await page.emulateMedia({ colorScheme: 'dark' })
    await shot(page, 'demo-dark', { whole: true })
    await page.setViewportSize({ width: 390, height: 800 })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    await shot(page, 'demo-narrow', { whole: true })
    await page.emulateMedia({ colorScheme: 'light' })
    await page.setViewportSize({ width: 1200, height: 800 })
  })

  it('answers an upload unchanged when it is small', async () => {
    const picture = await sample('07.jpg')
    await page.getByRole('tab', { name: 'upload' }).click()
    const chosen = page.waitForEvent('filechooser')
    await page.getByText('Choose a picture').click()
    const chooser = await chosen
    const prediction = await answerTo(() => chooser.setFiles({ name: 'me.jpg', mimeType: 'image/jpeg', buffer: picture }))
    expect(apart(prediction, await predicted(picture, 'me.jpg'))).toBeLessThan(1e-4)
    await page.getByText('made-up faces, which are drawings').waitFor()
    await shot(page, 'demo-upload', { whole: true })
  })

  it('answers what is dropped on the page, and what is pasted into it', async () => {
    await page.getByRole('tab', { name: 'sample' }).click()
    const expected = await predicted(await sample('09.jpg'), '09.jpg')
    const dropped = await answerTo(() =>
      page.evaluate(async () => {
        const bytes = await (await fetch('/api/v1/samples/09.jpg')).blob()
        const dataTransfer = new DataTransfer()
        dataTransfer.items.add(new File([bytes], 'dropped.jpg', { type: 'image/jpeg' }))
        for (const kind of ['dragover', 'drop']) document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }))
      }),
    )
    expect(apart(dropped, expected)).toBeLessThan(1e-4)
    expect(await page.getByRole('tab', { name: 'upload' }).getAttribute('aria-selected')).toBe('true')

    // Clipboards hold pictures as PNG.
    const png = await drawn(page, '/api/v1/samples/09.jpg', { width: 200, height: 200, type: 'image/png' })
    await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': new Blob([bytes], { type: 'image/png' }) })])
    }, png.toString('base64'))
    const pasted = await answerTo(() => page.keyboard.press('Control+V'))
    expect(pasted.image).toEqual({ width: 200, height: 200 })
    expect(apart(pasted, await predicted(png, '09.png'))).toBeLessThan(1e-4)
  })

  it('answers the picture of a camera', async () => {
    await page.getByRole('tab', { name: 'camera' }).click()
    await page.getByRole('button', { name: 'Turn the camera on' }).click()
    const prediction = await answerTo(() => page.getByRole('button', { name: 'Take a picture' }).click())
    expect(prediction.image).toEqual({ width: 640, height: 480 })
    await shot(page, 'demo-camera', { whole: true })
    await page.getByRole('tab', { name: 'upload' }).click()
  })

  it('sees a picture as it is looked at, whichever way its camera was held', async () => {
    // Turned left by a quarter in the file, marked to be turned back (6), or lying as it is.
    const upright = await drawn(page, '/api/v1/samples/12.jpg', { width: 320, height: 200, type: 'image/jpeg' })
    const lying = await drawn(page, '/api/v1/samples/12.jpg', { width: 320, height: 200, quarters: 1, type: 'image/jpeg' })
    const expected = await answerTo(() => upload(upright))
    const marked = await answerTo(() => upload(turned(lying, 6)))
    const ignored = await answerTo(() => upload(lying))
    expect(marked.image).toEqual({ width: 320, height: 200 })
    expect(ignored.image).toEqual({ width: 200, height: 320 })
    // Encoded in another direction, the pixels differ a little.
    expect(apart(expected, marked)).toBeLessThan(apart(expected, ignored) / 4)

    // One that the browser makes smaller is upright when it is sent, and says nothing of turning any more.
    const large = await drawn(page, '/api/v1/samples/12.jpg', { width: 1600, height: 1000, quarters: 1, type: 'image/jpeg' })
    const small = await answerTo(() => upload(turned(large, 6)))
    expect(small.image).toEqual({ width: 1024, height: 640 })
    expect(apart(expected, small)).toBeLessThan(apart(expected, ignored) / 2)
  })

  it('says so when a file is not a picture', async () => {
    await upload(Buffer.from('%PDF-1.7 not a picture'), 'paper.pdf')
    await notice('unreadable').waitFor()
    expect(await notice('unreadable').innerText()).toMatch(/JPEG/)
    await shot(page, 'demo-unreadable')
  })

  it('leaves no file and no line in a log', async () => {
    const picture = await drawn(page, '/api/v1/samples/02.jpg', { width: 180, height: 160, type: 'image/jpeg' })
    const before = files(house.folder)
    const said = predictor.said.length
    await answerTo(() => upload(picture, 'anna.jpg'))
    await upload(Buffer.concat([picture.subarray(0, 700), Buffer.from('broken')]), 'anna.jpg')
    await notice('unreadable').waitFor()
    expect(predictor.said.slice(said)).toBe('')
    expect(changed(before, files(house.folder))).toEqual([])
    expect(holding(house.folder, [picture.subarray(picture.length - 64), Buffer.from('anna.jpg')])).toEqual([])
  }, 60_000)

  it('is given to programs by the command line that the page shows', async () => {
    await answerTo(() => page.getByRole('tab', { name: 'sample' }).click().then(() => page.getByRole('button', { name: 'sample 1', exact: true }).click()))
    await page.getByText('the same by curl').click()
    await page.getByRole('button', { name: 'Copy as curl' }).click()
    await page.getByRole('button', { name: 'copied' }).waitFor()
    const copied = await page.evaluate(() => navigator.clipboard.readText())
    expect(copied).toBe(`curl -s '${house.url}/api/v1/samples/01.jpg' | curl -s --data-binary @- '${house.url}/api/v1/predict'`)
  })

  it('never made the page complain or ask another host', () => watched.quiet(FAILED))
})

describe('a predictor', () => {
  /** A request that takes a seat and never ends. */
  async function dawdle(address: string): Promise<Socket> {
    const { hostname, port } = new URL(address)
    const socket = connect(Number(port), hostname)
    await new Promise((done) => socket.once('connect', done))
    socket.write(`POST /predict HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 1000\r\n\r\nnot all`)
    return socket
  }

  it('whose queue is full is busy, and answers later', async () => {
    await predictor.stop()
    predictor = serve('--queue', '1')
    const address = await predictor.address()
    await expect.poll(async () => {
      const { models } = (await (await fetch(`${house.url}/api/v1/models`)).json()) as { models: Model[] }
      return models[0]?.predictors.length
    }).toBe(1)
    const socket = await dawdle(address)
    const first = page.getByRole('button', { name: 'sample 3', exact: true })
    // The seat is taken when the request has been read, which the predictor does not tell.
    await expect.poll(async () => {
      const [response] = await Promise.all([page.waitForResponse('**/api/v1/predict*'), first.click()])
      return response.status()
    }).toBe(503)
    await notice('busy').waitFor()
    await shot(page, 'demo-busy')
    socket.destroy()
    await expect.poll(async () => {
      await page.getByRole('button', { name: 'Try again' }).click({ timeout: 1000 }).catch(() => undefined)
      return page.locator('article[data-head="age"]').count()
    }, { timeout: 20_000 }).toBe(1)
  })

  it('that is gone without a word is said to be missing', async () => {
    predictor.signal('SIGKILL')
    await predictor.ended
    await page.getByRole('button', { name: 'sample 2', exact: true }).click()
    await notice('no_predictor').waitFor()
    watched.quiet(FAILED)
  })
})

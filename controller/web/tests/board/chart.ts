/** Charts as a person handles them. */
import type { Locator, Page } from 'playwright-core'

/** A chart by the beginning of its name, drawn and in sight. */
export async function chart(page: Page, name: string): Promise<Locator> {
  const found = page.getByRole('img', { name: new RegExp(`^${name}`) })
  await found.scrollIntoViewIfNeeded()
  await found.locator('canvas').first().waitFor()
  return found
}

/** A place of a chart on the screen, in shares of its drawing. */
export async function at(page: Page, name: string, [x, y]: [number, number]): Promise<[number, number]> {
  const box = (await (await chart(page, name)).boundingBox())!
  return [box.x + x * box.width, box.y + y * box.height]
}

/** Drags over a chart, in shares of its drawing. */
export async function drag(page: Page, name: string, from: [number, number], to: [number, number]): Promise<void> {
  await page.mouse.move(...(await at(page, name, from)))
  await page.mouse.down()
  await page.mouse.move(...(await at(page, name, to)), { steps: 4 })
  await page.mouse.up()
}

/** The colours of a chart, as a text that changes when the drawing does. */
export const drawing = async (page: Page, name: string): Promise<string> =>
  (await chart(page, name)).locator('canvas').first().evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL())

/** The colour at a place of a chart, in shares of its drawing. */
export const colour = async (page: Page, name: string, place: [number, number]): Promise<string> =>
  (await chart(page, name)).locator('canvas').first().evaluate((canvas, [x, y]) => {
    const { width, height } = canvas as HTMLCanvasElement
    const one = new OffscreenCanvas(1, 1).getContext('2d')!
    one.drawImage(canvas as HTMLCanvasElement, -Math.round(x! * width), -Math.round(y! * height))
    return String(one.getImageData(0, 0, 1, 1).data)
  }, place)

/** Screenshots for the documentation: written only by `./dev web shots`. */
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'

import type { Page } from 'playwright-core'

const FOLDER = resolve(import.meta.dirname, '../../../../docs/img')

/** Whether this run takes pictures; then the models that are shown are trained for longer. */
export const SHOTS = Boolean(process.env['SWEEP_SHOTS'])

/** Takes `docs/img/NAME.png` of what the window shows, or of the whole page. */
export async function shot(page: Page, name: string, { whole = false } = {}): Promise<void> {
  if (!SHOTS) return
  mkdirSync(FOLDER, { recursive: true })
  await page.screenshot({ path: `${FOLDER}/${name}.png`, animations: 'disabled', fullPage: whole })
}

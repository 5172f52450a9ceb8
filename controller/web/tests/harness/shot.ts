/** Screenshots for the documentation: written only by `./dev web shots`. */
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'

import type { Page } from 'playwright-core'

const FOLDER = resolve(import.meta.dirname, '../../../../docs/img')

/** Takes `docs/img/NAME.png` of what the window shows. */
export async function shot(page: Page, name: string): Promise<void> {
  if (!process.env['SWEEP_SHOTS']) return
  mkdirSync(FOLDER, { recursive: true })
  await page.screenshot({ path: `${FOLDER}/${name}.png`, animations: 'disabled' })
}

/** Accessibility by axe-core, in both themes. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What is seriously wrong for people who use a keyboard, a screen reader or bad eyes; empty when nothing is. */
export async function barriers(page: Page): Promise<string[]> {
  const found: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    // By evaluation, not by a script tag: the page's content policy forbids that one.
    await page.evaluate(AXE)
    const results = await page.evaluate<AxeResults>('axe.run()')
    for (const violation of results.violations) {
      if (violation.impact !== 'serious' && violation.impact !== 'critical') continue
      const places = violation.nodes.map((node) => `${node.html}: ${node.failureSummary ?? ''}`)
      found.push(`${colorScheme}: ${violation.id}: ${violation.help}\n${places.join('\n')}`)
    }
  }
  await page.emulateMedia({ colorScheme: 'light' })
  return found
}

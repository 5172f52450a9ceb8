/** Debian's Chromium, and pages that are watched: what they complain of, and whom they talk to. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

/** A camera that shows a moving test picture, and permission to use it without asking. */
export const CAMERA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']

export async function open(args: string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['SWEEP_CHROMIUM'] ?? '/usr/bin/chromium',
    // As root, as in a container, Chromium's own sandbox cannot be had.
    chromiumSandbox: process.getuid?.() !== 0,
    args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...args],
  })
}

/** A page and everything that a good page does not do. */
export class Watched {
  /** Messages of the console from warnings up, uncaught errors, violations of the content policy. */
  readonly complaints: string[] = []
  /** Requests to anywhere but the page's own origin. */
  readonly foreign: string[] = []
  /** Requests to the own origin: `POST /api/v1/predict`. */
  readonly asked: string[] = []

  private constructor(readonly page: Page, origin: string) {
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(`${message.text()} (${message.location().url})`)
    })
    page.on('pageerror', (error) => this.complaints.push(String(error)))
    page.on('request', (request) => {
      const url = new URL(request.url())
      if (url.protocol === 'blob:' || url.protocol === 'data:') return
      if (url.origin === origin) this.asked.push(`${request.method()} ${url.pathname}${url.search}`)
      else this.foreign.push(request.url())
    })
  }

  /** Opens a page in a context of its own; `before` may prepare it, such as by `page.route`. */
  static async open(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {},
    before?: (page: Page) => Promise<void>,
  ): Promise<Watched> {
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, colorScheme: 'light', reducedMotion: 'reduce', ...options })
    const page = await context.newPage()
    const watched = new Watched(page, new URL(url).origin)
    await before?.(page)
    await page.goto(url)
    return watched
  }

  /** Fails when the page complained or talked to another host. Failed answers that the test provoked are `expected`. */
  quiet(...expected: RegExp[]): void {
    const left = this.complaints.filter((text) => !expected.some((pattern) => pattern.test(text)))
    if (left.length + this.foreign.length > 0) throw new Error(`the page is not quiet: ${[...left, ...this.foreign].join('\n')}`)
  }

  async close(): Promise<void> {
    await this.page.context().close()
  }
}

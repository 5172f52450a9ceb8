/** A way to the controller that counts: how many of a kind of call are open, as the controller sees them. */
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export class Counted {
  /** Calls that are open now, by path. */
  readonly #open = new Map<string, number>()
  /** Every call that was made, by path. */
  readonly #made = new Map<string, number>()

  private constructor(readonly url: string, private readonly server: Server) {}

  /** Listens at a port of its own, and hands everything on to the house's controller. */
  static async before(house: string): Promise<Counted> {
    const server = createServer()
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const counted = new Counted(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server)
    server.on('request', (asked, answer) => {
      const path = asked.url ?? '/'
      counted.#made.set(path, counted.made(path) + 1)
      counted.#open.set(path, counted.open(path) + 1)
      const handed = request(new URL(path, house), { method: asked.method, headers: { ...asked.headers, host: new URL(house).host } }, (came) => {
        answer.writeHead(came.statusCode ?? 502, came.headers)
        came.pipe(answer)
        came.on('error', () => answer.destroy())
      })
      handed.on('error', () => answer.destroy())
      // Also when the browser hangs up: then the controller is told by the same.
      answer.on('close', () => {
        counted.#open.set(path, counted.open(path) - 1)
        handed.destroy()
      })
      asked.pipe(handed)
    })
    return counted
  }

  open(path: string): number {
    return this.#open.get(path) ?? 0
  }

  made(path: string): number {
    return this.#made.get(path) ?? 0
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((done) => this.server.close(done))
  }
}

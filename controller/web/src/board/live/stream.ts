/** The one stream of a browser: begins, breaks, begins again. Runs in the shared worker; where there is none, in the tab that leads. */
import { createClient } from '@connectrpc/connect'
import { createGrpcWebTransport } from '@connectrpc/connect-web'

import { DashboardService, type WatchAllResponse } from '../../wire/sweep/v1/dashboard_pb'
import { topicOf, Topics, type Wanted } from './topics'

export type Link = 'live' | 'reconnecting' | 'stale'

/** The state of the stream, and when it last said something, in milliseconds since the epoch. */
export interface Status {
  link: Link
  heard: number
}

/** The controller says something at least every 10 s: after this long a stream is dead. */
const SILENCE_MS = 25_000
/** A break that lasts longer makes what is shown stale. */
const STALE_MS = 8_000
const RETRY_MS = [100, 250, 500, 1000, 2000]

export class Stream {
  readonly #topics = new Topics()
  readonly #client
  #running: AbortController | undefined
  #begin: ReturnType<typeof setTimeout> | undefined
  #silence: ReturnType<typeof setTimeout> | undefined
  #stale: ReturnType<typeof setTimeout> | undefined
  #failures = 0
  status: Status = { link: 'reconnecting', heard: Date.now() }

  constructor(
    origin: string,
    private readonly hear: (response: WatchAllResponse, tabs: unknown[]) => void,
    private readonly say: (status: Status) => void,
  ) {
    this.#client = createClient(DashboardService, createGrpcWebTransport({ baseUrl: origin }))
  }

  /** What a tab follows from now on; nothing when it is hidden or gone. */
  follow(tab: unknown, topics: Wanted[]): void {
    const anew = this.#topics.want(tab, topics)
    if (this.#topics.isEmpty) this.close()
    else if (anew || !this.#running) this.#soon(10)
  }

  /** Ends it; something to follow begins it again. */
  close(): void {
    clearTimeout(this.#begin)
    clearTimeout(this.#silence)
    clearTimeout(this.#stale)
    this.#stale = undefined
    this.#running?.abort()
    this.#running = undefined
  }

  #soon(ms: number): void {
    clearTimeout(this.#begin)
    this.#begin = setTimeout(() => void this.#run(), ms)
  }

  async #run(): Promise<void> {
    this.#running?.abort()
    const running = new AbortController()
    this.#running = running
    this.#listen(running)
    try {
      const request = this.#topics.request()
      for await (const response of this.#client.watchAll(request, { signal: running.signal, onHeader: () => this.#alive(running) })) {
        if (running.signal.aborted) return
        this.#alive(running)
        this.#topics.told(response)
        const name = topicOf(response)
        this.hear(response, [...(name === undefined ? this.#topics.tabs() : this.#topics.followers(name))])
      }
    } catch {
      // Whatever it was: the next try tells whether it is still so, and the badge says that there is none now.
    }
    if (this.#running !== running) return
    this.#running = undefined
    this.#broken()
  }

  #alive(running: AbortController): void {
    if (this.#running !== running) return
    this.#failures = 0
    clearTimeout(this.#stale)
    this.#stale = undefined
    this.#listen(running)
    const was = this.status.link
    this.status = { link: 'live', heard: Date.now() }
    if (was !== 'live') this.say(this.status)
  }

  /** Ends a stream that says nothing for too long. */
  #listen(running: AbortController): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => running.abort(), SILENCE_MS)
  }

  #broken(): void {
    clearTimeout(this.#silence)
    if (this.#topics.isEmpty) return
    if (this.status.link === 'live') {
      this.status = { ...this.status, link: 'reconnecting' }
      this.say(this.status)
    }
    this.#stale ??= setTimeout(() => {
      this.status = { ...this.status, link: 'stale' }
      this.say(this.status)
    }, STALE_MS)
    this.#soon(RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)]!)
  }
}

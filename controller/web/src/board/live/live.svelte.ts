/** A tab's side of the one stream: who follows what on this page, and what the badge says. */
import { fromBinary } from '@bufbuild/protobuf'

import { type WatchAllResponse, WatchAllResponseSchema } from '../../wire/sweep/v1/dashboard_pb'
import { type Status, Stream } from './stream'
import { nameOf, type Topic, topicOf, type Wanted } from './topics'
import type { Follow, Told } from './worker'

interface Follower {
  id: number
  topic: () => Topic
  hear: (news: WatchAllResponse['news']) => void
}

class Live {
  status = $state.raw<Status>({ link: 'reconnecting', heard: Date.now() })
  /** The last thing that could not be followed, in words; empty: none. */
  refused = $state('')
  readonly #followers = new Set<Follower>()
  #send: ((topics: Wanted[], bye?: boolean) => void) | undefined
  #due = false
  #ids = 0

  /** Follows a topic until the function that it gives is called. The topic is asked for whenever the page is seen again. */
  follow(topic: () => Topic, hear: Follower['hear']): () => void {
    const follower = { id: ++this.#ids, topic, hear }
    this.#followers.add(follower)
    this.#soon()
    return () => {
      this.#followers.delete(follower)
      this.#soon()
    }
  }

  #soon(): void {
    if (this.#due) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      this.#tell()
    })
  }

  #tell(): void {
    this.#send ??= this.#connect()
    const topics = document.visibilityState === 'hidden' ? [] : [...this.#followers].map((one) => ({ ...one.topic(), id: one.id }))
    this.#send(topics)
  }

  #connect(): (topics: Wanted[], bye?: boolean) => void {
    document.addEventListener('visibilitychange', () => this.#tell())
    if (!('SharedWorker' in window)) {
      const stream = new Stream(location.origin, (response) => this.#hear(response), (status) => (this.status = status))
      return (topics) => stream.follow(this, topics)
    }
    const { port } = new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'sweep' })
    port.onmessage = ({ data }: MessageEvent<Told>) => {
      if ('status' in data) this.status = data.status
      else this.#hear(fromBinary(WatchAllResponseSchema, data.news))
    }
    const send = (topics: Wanted[], bye = false) => port.postMessage({ topics, bye } satisfies Follow)
    addEventListener('pagehide', () => send([], true))
    addEventListener('pageshow', (event) => event.persisted && this.#tell())
    return send
  }

  #hear(response: WatchAllResponse): void {
    this.status = { link: 'live', heard: Date.now() }
    if (response.news.case === 'refused') {
      const { what, why } = response.news.value
      this.refused = `${what} cannot be followed: ${why}`
      return
    }
    const name = topicOf(response)
    for (const one of [...this.#followers]) if (nameOf(one.topic()) === name) one.hear(response.news)
  }
}

export const live = new Live()

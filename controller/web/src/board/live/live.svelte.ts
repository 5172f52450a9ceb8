/** A tab's side of the one stream: who follows what on this page, and what the badge says. */
import type { WatchAllResponse } from '../../wire/sweep/v1/dashboard_pb'
import type { Status } from './stream'
import { nameOf, type Topic, topicOf } from './topics'
import { type Send, way } from './ways'

interface Follower {
  id: number
  topic: () => Topic
  hear: (news: WatchAllResponse['news']) => void
}

class Live {
  status = $state.raw<Status>({ link: 'reconnecting', heard: Date.now() })
  /** The last thing that could not be followed, in words; empty: none. */
  refused = $state('')
  /** Whether this page follows anything at all. */
  isFollowing = $state(false)
  readonly #followers = new Set<Follower>()
  #send: Send | undefined
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
    this.isFollowing = this.#followers.size > 0
    const topics = document.visibilityState === 'hidden' ? [] : [...this.#followers].map((one) => ({ ...one.topic(), id: one.id }))
    this.#send(topics)
  }

  #connect(): Send {
    document.addEventListener('visibilitychange', () => this.#tell())
    addEventListener('pagehide', () => this.#send?.([]))
    addEventListener('pageshow', (event) => event.persisted && this.#tell())
    return way({ hear: (response) => this.#hear(response), say: (status) => (this.status = status), again: () => this.#tell() })
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

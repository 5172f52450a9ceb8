/** The ways from a tab to the stream of its browser: through a shared worker; through the tab that leads; or to one of its own. */
import { fromBinary, toBinary } from '@bufbuild/protobuf'

import { type WatchAllResponse, WatchAllResponseSchema } from '../../wire/sweep/v1/dashboard_pb'
import { type Status, Stream } from './stream'
import type { Wanted } from './topics'
import type { Follow, Told } from './worker'

/** What a tab is told. */
export interface Ear {
  hear: (response: WatchAllResponse) => void
  say: (status: Status) => void
  /** Whoever held the stream is new: the tab must say again what it follows, by what it holds now. */
  again: () => void
}

/** Says what a tab follows from now on; nothing while it is hidden, and when it goes. */
export type Send = (topics: Wanted[]) => void

export function way(ear: Ear): Send {
  if ('SharedWorker' in window) return byWorker(ear)
  // Locks are there on secure origins only.
  if ('locks' in navigator) return byLeader(ear)
  const stream = new Stream(location.origin, ear.hear, ear.say)
  return (topics) => stream.follow(ear, topics)
}

const RETRY_MS = 1000

function byWorker(ear: Ear): Send {
  let port: MessagePort
  const begin = () => {
    const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'sweep' })
    port = worker.port
    port.onmessage = ({ data }: MessageEvent<Told>) => {
      if ('status' in data) ear.say(data.status)
      else ear.hear(fromBinary(WatchAllResponseSchema, data.news))
    }
    // Its script did not come: the controller went away after it had given the page.
    worker.onerror = () => {
      setTimeout(() => {
        begin()
        ear.again()
      }, RETRY_MS)
    }
  }
  begin()
  return (topics) => port.postMessage({ topics } satisfies Follow)
}

/** Between tabs, when one of them leads. */
type Word =
  | { tab: string; topics: Wanted[] }
  | { leads: true }
  | { tabs: string[]; news: Uint8Array }
  | { status: Status }

const NAME = 'sweep stream'

function byLeader(ear: Ear): Send {
  const channel = new BroadcastChannel(NAME)
  const tab = Array.from(crypto.getRandomValues(new Uint32Array(4))).join('-')
  channel.onmessage = ({ data }: MessageEvent<Word>) => {
    if ('leads' in data) ear.again()
    else if ('status' in data) ear.say(data.status)
    else if ('news' in data && data.tabs.includes(tab)) ear.hear(fromBinary(WatchAllResponseSchema, data.news))
  }
  // A hidden tab is slowed down or frozen: only one that is seen leads.
  let withdraw: (() => void) | undefined
  return (topics) => {
    channel.postMessage({ tab, topics } satisfies Word)
    if (topics.length > 0) withdraw ??= stand()
    else if (document.visibilityState === 'hidden') {
      withdraw?.()
      withdraw = undefined
    }
  }
}

/** Stands for leader: leads as soon as no other tab does, until the function that it gives is called. */
function stand(): () => void {
  const waiting = new AbortController()
  let end = () => waiting.abort()
  const leading = () =>
    new Promise<void>((done) => {
      if (waiting.signal.aborted) return done()
      const close = lead()
      end = () => {
        close()
        done()
      }
    })
  navigator.locks.request(NAME, { signal: waiting.signal }, leading).catch((error: unknown) => {
    if (!waiting.signal.aborted) throw error
  })
  return () => end()
}

/** Holds the stream for all tabs, this one too: it hears by a channel of its own what it says here. */
function lead(): () => void {
  const channel = new BroadcastChannel(NAME)
  const tell = (word: Word) => channel.postMessage(word)
  const stream = new Stream(
    location.origin,
    (response, tabs) => tell({ tabs: tabs as string[], news: toBinary(WatchAllResponseSchema, response) }),
    (status) => tell({ status }),
  )
  channel.onmessage = ({ data }: MessageEvent<Word>) => {
    if (!('topics' in data)) return
    stream.follow(data.tab, data.topics)
    tell({ status: stream.status })
  }
  tell({ leads: true })
  return () => {
    stream.close()
    channel.close()
  }
}

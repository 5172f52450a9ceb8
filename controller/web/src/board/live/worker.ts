/** A shared worker: one stream for all tabs of this browser. */
import { toBinary } from '@bufbuild/protobuf'

import { WatchAllResponseSchema } from '../../wire/sweep/v1/dashboard_pb'
import { type Status, Stream } from './stream'
import type { Wanted } from './topics'

/** From a tab: what it follows; nothing when it is hidden or goes away. */
export interface Follow {
  topics: Wanted[]
}

/** To a tab. */
export type Told = { news: Uint8Array } | { status: Status }

const ports = new Set<MessagePort>()
const stream = new Stream(
  self.location.origin,
  (response, tabs) => {
    const news = toBinary(WatchAllResponseSchema, response)
    for (const port of tabs) (port as MessagePort).postMessage({ news } satisfies Told)
  },
  (status) => {
    for (const port of ports) port.postMessage({ status } satisfies Told)
  },
)

self.addEventListener('connect', (event) => {
  const port = (event as MessageEvent).ports[0]
  if (!port) return
  port.onmessage = ({ data: { topics } }: MessageEvent<Follow>) => {
    if (topics.length > 0) ports.add(port)
    else ports.delete(port)
    stream.follow(port, topics)
    port.postMessage({ status: stream.status } satisfies Told)
  }
})

/** What the tabs of a browser follow, made into one question for one stream. */
import { create } from '@bufbuild/protobuf'

import { HeldCurveSchema, type WatchAllRequest, WatchAllRequestSchema, type WatchAllResponse } from '../../wire/sweep/v1/dashboard_pb'

/** A thing that a tab follows; also what it holds of it already. Ids are whole, as the controller tells them. */
export type Topic =
  | { kind: 'sweeps' }
  | { kind: 'agents' }
  | { kind: 'table'; sweep: string; since: bigint }
  | { kind: 'curves'; trial: string }
  | { kind: 'log'; trial: string; after: bigint }

/** A topic as one follower on a page wants it: another follower holds nothing of what the first was told. */
export type Wanted = Topic & { id: number }

/** A name that is the same for a topic and for the news of it. */
export function nameOf(topic: Topic): string {
  switch (topic.kind) {
    case 'table':
      return `table ${topic.sweep}`
    case 'curves':
    case 'log':
      return `${topic.kind} ${topic.trial}`
    default:
      return topic.kind
  }
}

/** Which topic some news is of; undefined: of none. */
export function topicOf(response: WatchAllResponse): string | undefined {
  const news = response.news
  switch (news.case) {
    case 'sweeps':
    case 'agents':
      return news.case
    case 'table':
      return `table ${news.value.sweep?.id ?? ''}`
    case 'curve':
      return `curves ${news.value.trial}`
    case 'log':
      return `log ${news.value.trial}`
    default:
      return undefined
  }
}

interface Held {
  topic: Topic
  /** Of a curves topic, by metric. */
  curves: Map<string, { total: bigint; lastStep: bigint; lastAtMs: bigint }>
}

/** The topics of all tabs, and how far the stream told each. */
export class Topics {
  readonly #wanted = new Map<unknown, Wanted[]>()
  #held = new Map<string, Held>()

  /** What a tab follows from now on. True when the stream must begin anew to tell it. */
  want(tab: unknown, topics: Wanted[]): boolean {
    const before = new Set(this.#wanted.get(tab)?.map(({ id }) => id))
    if (topics.length === 0) this.#wanted.delete(tab)
    else this.#wanted.set(tab, topics)
    let anew = false
    const held = new Map<string, Held>()
    for (const topic of [...this.#wanted.values()].flat()) {
      const name = nameOf(topic)
      const old = held.get(name) ?? this.#held.get(name)
      const isNew = topics.includes(topic) && !before.has(topic.id)
      if (!old || (isNew && behind(topic, old.topic))) {
        held.set(name, { topic: { ...topic }, curves: new Map() })
        anew = true
      } else held.set(name, old)
    }
    for (const name of this.#held.keys()) if (!held.has(name)) anew = true
    this.#held = held
    return anew
  }

  get isEmpty(): boolean {
    return this.#held.size === 0
  }

  /** Which tabs follow a topic of this name. */
  *followers(name: string): Iterable<unknown> {
    for (const [tab, topics] of this.#wanted) if (topics.some((topic) => nameOf(topic) === name)) yield tab
  }

  tabs(): Iterable<unknown> {
    return this.#wanted.keys()
  }

  /** Notes how far the stream is, for when it breaks. */
  told(response: WatchAllResponse): void {
    const held = this.#held.get(topicOf(response) ?? '')
    if (!held) return
    const news = response.news
    if (news.case === 'table' && held.topic.kind === 'table') {
      const change = news.value.table?.change ?? 0n
      if (change > held.topic.since) held.topic.since = change
    } else if (news.case === 'log' && held.topic.kind === 'log') {
      const last = news.value.lines.at(-1)
      if (last) held.topic.after = last.seq
    } else if (news.case === 'curve') {
      const { total, lastStep, lastAtMs } = news.value
      held.curves.set(news.value.metric, { total, lastStep, lastAtMs })
    }
  }

  request(): WatchAllRequest {
    const request = create(WatchAllRequestSchema)
    for (const { topic, curves } of this.#held.values()) {
      if (topic.kind === 'sweeps') request.sweeps = true
      else if (topic.kind === 'agents') request.agents = true
      else if (topic.kind === 'table') request.tables.push({ $typeName: 'sweep.v1.WatchTable', sweep: topic.sweep, since: topic.since, metrics: [] })
      else if (topic.kind === 'log') request.logs.push({ $typeName: 'sweep.v1.WatchLog', trial: topic.trial, attempt: 0, after: topic.after })
      else {
        const held = [...curves].map(([metric, place]) => create(HeldCurveSchema, { metric, ...place }))
        request.curves.push({ $typeName: 'sweep.v1.WatchCurves', trial: topic.trial, metrics: [], held })
      }
    }
    return request
  }
}

/** Whether who follows `topic` lacks something that the stream told before. */
function behind(topic: Topic, told: Topic): boolean {
  if (topic.kind === 'table' && told.kind === 'table') return topic.since < told.since
  if (topic.kind === 'log' && told.kind === 'log') return topic.after < told.after
  return true
}

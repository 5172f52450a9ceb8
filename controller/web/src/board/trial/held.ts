/** The curves of one trial as they are told: thinned at first, then point by point. */
import type { CurveNews } from '../../wire/sweep/v1/dashboard_pb'
import { numbers, rowsOf } from '../data/column'
import type { Points } from '../draw/curves'

/** More points than this are thinned to half, each second one; a page opened anew gets them from the controller. */
const MOST = 4000

/** The curve after some news of it. */
export function grown(old: Points | undefined, news: CurveNews): Points {
  const rows = news.steps ? rowsOf(news.steps, news.values, news.epochs, news.atMs) : 0
  const more = { steps: numbers(news.steps, rows), values: numbers(news.values, rows), epochs: numbers(news.epochs, rows), atMs: numbers(news.atMs, rows) }
  if (news.replace || !old) return more
  const joined = { steps: join(old.steps, more.steps), values: join(old.values, more.values), epochs: join(old.epochs, more.epochs), atMs: join(old.atMs, more.atMs) }
  if (joined.steps.length <= MOST) return joined
  const half = (values: Float64Array) => values.filter((_, i) => i % 2 === (values.length - 1) % 2)
  return { steps: half(joined.steps), values: half(joined.values), epochs: half(joined.epochs), atMs: half(joined.atMs) }
}

function join(a: Float64Array, b: Float64Array): Float64Array {
  const both = new Float64Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

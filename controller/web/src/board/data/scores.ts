/** What a trial told of its heads: confusion matrices and what follows from them. */
import type { MediaRecord } from '../../wire/sweep/v1/model_pb'

export interface Head {
  classes: string[]
  /** Rows are the truth, columns the guess. */
  confusion: number[][]
  macro_f1: number
  accuracy: number
}

export interface Scores {
  split: string
  step: number
  images: number
  heads: Record<string, Head>
}

/** The scores among a trial's media: the newest of validation, and of the test. What cannot be read is left out. */
export function scoresOf(media: MediaRecord[]): Scores[] {
  const found: Scores[] = []
  for (const name of ['validation-scores', 'test-scores']) {
    const records = media.filter((record) => record.name === name)
    const last = records.reduce<MediaRecord | undefined>((best, one) => (best && best.step > one.step ? best : one), undefined)
    const scores = last && read(last)
    if (scores) found.push(scores)
  }
  return found
}

function read(record: MediaRecord): Scores | undefined {
  try {
    const value = JSON.parse(record.valueJson) as Partial<Scores>
    if (!value.heads || typeof value.heads !== 'object') return undefined
    const heads = Object.entries(value.heads).filter(([, head]) => Array.isArray(head?.classes) && Array.isArray(head?.confusion))
    return { split: value.split ?? record.name.replace('-scores', ''), step: Number(record.step), images: value.images ?? 0, heads: Object.fromEntries(heads) }
  } catch {
    return undefined
  }
}

export interface ClassScore {
  name: string
  support: number
  precision: number
  recall: number
  f1: number
  /** A 95 % interval of F1. */
  low: number
  high: number
}

/** Per class, from the counts. F1 = 2J/(1+J) where J = TP/(TP+FP+FN) is a share of a count, so its interval is Wilson's
 *  (1927) of J, carried over. NaN where a class is neither there nor guessed. */
export function classScores({ classes, confusion }: Head): ClassScore[] {
  return classes.map((name, i) => {
    const hits = confusion[i]?.[i] ?? 0
    const support = (confusion[i] ?? []).reduce((a, b) => a + b, 0)
    const guessed = confusion.reduce((sum, row) => sum + (row[i] ?? 0), 0)
    const all = support + guessed - hits
    const [low, high] = wilson(hits, all)
    const f1 = (j: number) => (2 * j) / (1 + j)
    return { name, support, precision: hits / guessed, recall: hits / support, f1: all > 0 ? f1(hits / all) : NaN, low: f1(low), high: f1(high) }
  })
}

/** Wilson's score interval of a share at 95 %. */
export function wilson(hits: number, count: number): [number, number] {
  if (count === 0) return [NaN, NaN]
  const z = 1.959964
  const share = hits / count
  const middle = share + (z * z) / (2 * count)
  const half = z * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count))
  const whole = 1 + (z * z) / count
  return [Math.max(0, (middle - half) / whole), Math.min(1, (middle + half) / whole)]
}

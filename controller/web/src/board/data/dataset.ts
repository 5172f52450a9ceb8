/** What a trial told of its data; the shape is in dashboard.proto at GetDatasetResponse. */
import type { Group } from '../draw/bars'

export interface Dataset {
  files: number
  malformed: string[]
  malformedTotal: number
  duplicates: { groups: number; contradicting: number }
  splits: Record<string, number>
  histograms: { head: string; classes: string[]; groups: Group[] }[]
}

const SPLITS = ['train', 'validation', 'test']
/** Those that are known first, in this order. */
const place = (split: string) => (SPLITS.includes(split) ? SPLITS.indexOf(split) : SPLITS.length)

/** Null: it cannot be read. What is left out counts as nothing. */
export function readDataset(text: string): Dataset | null {
  let told: Record<string, unknown>
  try {
    told = JSON.parse(text) as Record<string, unknown>
  } catch {
    return null
  }
  if (typeof told !== 'object' || told === null) return null
  const number = (value: unknown) => (typeof value === 'number' ? value : 0)
  const duplicates = (told['duplicates'] ?? {}) as Record<string, unknown>
  const malformed = Array.isArray(told['malformed']) ? told['malformed'].map(String) : []
  const histograms = Object.entries((told['histograms'] ?? {}) as Record<string, Record<string, unknown>>)
  return {
    files: number(told['files']),
    malformed,
    malformedTotal: number(told['malformed_total']) || malformed.length,
    duplicates: { groups: number(duplicates['groups']), contradicting: number(duplicates['contradicting']) },
    splits: Object.fromEntries(
      Object.entries((told['splits'] ?? {}) as Record<string, unknown>)
        .sort(([a], [b]) => place(a) - place(b))
        .map(([name, count]) => [name, number(count)]),
    ),
    histograms: histograms.map(([head, told]) => ({
      head,
      classes: Array.isArray(told['classes']) ? told['classes'].map(String) : [],
      groups: SPLITS.filter((split) => Array.isArray(told[split])).map((split) => ({ name: split, values: (told[split] as unknown[]).map(number) })),
    })),
  }
}

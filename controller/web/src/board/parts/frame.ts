/** What every chart is given, whichever library draws it. */
import type { Snippet } from 'svelte'

import type { Sheet } from '../data/save'

export interface Framed {
  title: string
  caption?: string
  /** Name of exported files, without the ending. */
  file: string
  /** What is behind the chart. */
  sheet: () => Sheet
  controls?: Snippet | undefined
  /** Why there is nothing to draw; empty: there is. */
  empty?: string
}

/** What is said of a place of a drawing, in pixels from its corner. */
export interface Tip {
  x: number
  y: number
  lines: string[]
}

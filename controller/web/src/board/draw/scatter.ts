/** One parameter against the objective: a dot per trial. */
import type { Column } from '../data/columns'
import type { Trials } from '../data/trials'
import { type Axis, axes, type Frame, frame, type Size } from './axes'
import { usual } from './history'
import type { Palette } from './palette'
import type { Pen } from './pen'
import { extent } from './scale'

export function place(x: Column, y: Column, trials: Trials, size: Size): { frame: Frame; x: Axis; y: Axis } {
  const across: Axis = x.words
    ? { label: x.label, words: x.words, extent: [-0.5, x.words.length - 0.5], tight: true }
    : { label: x.label + (x.log ? ' (log)' : ''), log: x.log, extent: extent([x.values.subarray(0, trials.rows)], x.log) }
  const up: Axis = { label: y.label, log: y.log, extent: usual(y.values.slice(0, trials.rows), y.log) }
  return { frame: frame(size, across, up), x: across, y: up }
}

export function draw(pen: Pen, size: Size, colours: Palette, x: Column, y: Column, trials: Trials, mask: Uint8Array): void {
  const placed = place(x, y, trials, size)
  axes(pen, placed.frame, placed.x, placed.y, colours)
  const radius = trials.rows > 2000 ? 1.2 : 3
  for (const isChosen of [0, 1]) {
    for (let row = 0; row < trials.rows; row++) {
      if (mask[row] !== isChosen) continue
      const at = dot(placed.frame, x, y, row)
      if (at) pen.dot(at.x, at.y, radius, { colour: isChosen ? colours.accent : colours.line, alpha: 0.75 })
    }
  }
}

/** Where a trial's dot is. Words get their dots side by side, by a shift that is the same each time. */
export function dot(frame: Frame, x: Column, y: Column, row: number): { x: number; y: number } | null {
  const value = x.values[row]!
  const shift = x.words ? (((row * 0.6180339887) % 1) - 0.5) * 0.5 : 0
  const [atX, atY] = [frame.x.at(value + shift), frame.y.at(y.values[row]!)]
  if (Number.isNaN(atX) || Number.isNaN(atY)) return null
  return { x: atX, y: Math.min(frame.bottom, Math.max(frame.top, atY)) }
}

/** The row whose dot is nearest to a place; -1: none is near. */
export function nearest(frame: Frame, x: Column, y: Column, trials: Trials, atX: number, atY: number): number {
  let found = -1
  let least = 14 ** 2
  for (let row = 0; row < trials.rows; row++) {
    const at = dot(frame, x, y, row)
    if (!at) continue
    const distance = (at.x - atX) ** 2 + (at.y - atY) ** 2
    if (distance < least) [found, least] = [row, distance]
  }
  return found
}

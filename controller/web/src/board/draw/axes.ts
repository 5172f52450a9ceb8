/** The frame of a chart over two axes. */
import { short } from '../data/columns'
import type { Palette } from './palette'
import type { Pen } from './pen'
import { aired, type Scale, scale } from './scale'

export interface Size {
  width: number
  height: number
}

export interface Frame extends Size {
  x: Scale
  y: Scale
  left: number
  right: number
  top: number
  bottom: number
}

export interface Axis {
  extent: [number, number] | undefined
  log?: boolean
  label: string
  /** Words at whole numbers instead of numbers. */
  words?: string[] | undefined
  /** Marks other than numbers in short. */
  mark?: (value: number) => string
  /** Marks at whole numbers only. */
  whole?: boolean
  /** No air at the ends. */
  tight?: boolean
}

/** Where everything is. */
export function frame(size: Size, x: Axis, y: Axis, top = 10): Frame {
  const [left, right, bottom] = [52, size.width - 12, size.height - 36]
  const fit = (axis: Axis): [number, number] => (axis.extent ? (axis.tight ? axis.extent : aired(axis.extent, axis.log)) : [0, 1])
  const [xs, ys] = [fit(x), fit(y)]
  return {
    ...size, left, right, top, bottom,
    x: scale(xs[0], xs[1], left, right, x.log, Math.max(2, Math.floor((right - left) / 90))),
    y: scale(ys[0], ys[1], bottom, top, y.log, Math.max(2, Math.floor((bottom - top) / 40))),
  }
}

export function axes(pen: Pen, frame: Frame, x: Axis, y: Axis, colours: Palette): void {
  const { left, right, top, bottom } = frame
  const marks = (axis: Axis, scale: Scale) => (axis.words ? axis.words.map((_, i) => i) : axis.whole ? scale.ticks.filter(Number.isInteger) : scale.ticks)
  const said = (axis: Axis, value: number) => {
    const text = axis.words ? (axis.words[value] ?? '') : (axis.mark ?? short)(value)
    return text.length > 9 && axis.words ? `${text.slice(0, 8)}…` : text
  }
  for (const value of marks(y, frame.y)) {
    const at = frame.y.at(value)
    pen.line([left, right], [at, at], { colour: colours.line, alpha: 0.6 })
    pen.text(left - 6, at, said(y, value), { colour: colours.soft, align: 'right', base: 'middle' })
  }
  for (const value of marks(x, frame.x)) {
    const at = frame.x.at(value)
    pen.line([at, at], [bottom, bottom + 4], { colour: colours.soft })
    pen.text(at, bottom + 6, said(x, value), { colour: colours.soft, align: 'center', base: 'top' })
  }
  pen.line([left, right], [bottom, bottom], { colour: colours.soft })
  pen.text((left + right) / 2, bottom + 21, x.label, { colour: colours.soft, align: 'center', base: 'top' })
  pen.text(11, (top + bottom) / 2, y.label, { colour: colours.soft, align: 'center', upright: true, base: 'middle' })
}

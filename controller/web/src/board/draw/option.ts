/** What ECharts' options of our charts have in common. Only types come from there: the library itself is a chunk of its own. */
import type {
  BarSeriesOption, CustomSeriesOption, EChartsOption, LineSeriesOption, ParallelSeriesOption, ScatterSeriesOption, XAXisComponentOption, YAXisComponentOption,
} from 'echarts'

import { short } from '../data/columns'
import { FONT, type Palette } from './palette'

export type Option = EChartsOption
export type { BarSeriesOption, CustomSeriesOption, LineSeriesOption, ParallelSeriesOption, ScatterSeriesOption }

export interface Size {
  width: number
  height: number
  /** It is drawn once, for a file: nothing may come later. */
  isFile?: boolean
}

/** Nothing moves by itself, and words look as those of the page. */
export const base = (colours: Palette): Option => ({ animation: false, textStyle: { fontFamily: FONT, fontSize: 11, color: colours.ink } })

/** Pixels beside the drawing; tests and brushes find their places by them. */
export const GRID = { left: 56, right: 14, top: 10, bottom: 38 }

export interface OptionAxis {
  label: string
  log: boolean
  range: [number, number]
  /** Words at whole numbers instead of numbers. */
  words?: string[] | undefined
  whole?: boolean | undefined
}

interface AxisOption {
  type: 'value' | 'log'
  [key: string]: unknown
}

/** An axis of numbers, or of words at whole numbers. */
export function axis({ label, log, range, words, whole }: OptionAxis, colours: Palette, isUp: boolean): AxisOption {
  const customValues = words ? words.map((_, place) => place) : log ? logMarks(range) : undefined
  return {
    type: log ? 'log' : 'value',
    min: range[0], max: range[1], name: label, nameLocation: 'middle', nameGap: isUp ? 40 : 22,
    nameTextStyle: { color: colours.soft, fontSize: 11 },
    nameTruncate: { maxWidth: 300 },
    ...(whole && { minInterval: 1 }),
    axisLabel: {
      color: colours.soft, fontSize: 11, hideOverlap: true,
      // The ends are where the air ends: no round numbers.
      ...(customValues ? { customValues } : { showMinLabel: false, showMaxLabel: false }),
      ...(words && { interval: 0, width: isUp ? 44 : 70, overflow: 'truncate' }),
      formatter: (value: number) => (words ? (words[value] ?? '') : short(value)),
    },
    axisTick: { lineStyle: { color: colours.line }, ...(customValues && { customValues }) },
    axisLine: { show: true, onZero: false, lineStyle: { color: colours.line } },
    splitLine: { show: isUp, lineStyle: { color: colours.line, opacity: 0.6 } },
    splitNumber: 4,
  }
}

/** Where a logarithmic axis is marked: at powers of ten, at 1, 2 and 5 of each if there are few, and at its ends if there are none. */
export function logMarks([from, until]: [number, number]): number[] {
  const powers = Array.from({ length: Math.floor(Math.log10(until)) - Math.floor(Math.log10(from)) + 1 }, (_, i) => Math.floor(Math.log10(from)) + i)
  const marks = powers.flatMap((power) => (powers.length > 3 ? [1] : [1, 2, 5]).map((times) => Number(`${times}e${power}`)))
  const within = marks.filter((mark) => mark >= from && mark <= until)
  return within.length > 1 ? within : [from, until]
}

export const xAxis = (of: OptionAxis, colours: Palette): XAXisComponentOption => axis(of, colours, false) as XAXisComponentOption
export const yAxis = (of: OptionAxis, colours: Palette): YAXisComponentOption => axis(of, colours, true) as YAXisComponentOption

/** Names of classes below a chart with so many pixels for each: side by side where there is room, else aslant. And how high they are. */
export function namesBelow(names: string[], room: number) {
  const longest = Math.max(0, ...names.map((name) => name.length)) * 6.4
  const isTight = longest > room - 4
  const label = { interval: 0, overflow: 'truncate' as const, width: isTight ? 64 : Math.max(18, room - 2), fontSize: isTight ? 10 : 11, rotate: isTight ? 40 : 0 }
  return { label, height: isTight ? 14 + Math.min(64, longest) * 0.64 : 14 }
}

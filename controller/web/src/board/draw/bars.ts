/** Bars with words beside them. */
import { short } from '../data/columns'
import { base, type CustomSeriesOption, namesBelow, type Option } from './option'
import { type Palette, series } from './palette'

export interface BarRow {
  name: string
  value: number
  /** What stands at its end. */
  note: string
  /** An interval around the value. */
  low?: number
  high?: number
}

const LINE = 24
export const barsHeight = (rows: number): number => rows * LINE + 12

/** How much room words need, within bounds. */
const room = (words: string[], least: number, most: number): number => Math.min(most, Math.max(least, ...words.map((word) => word.length * 6.4 + 14)))

/** Lying bars from 0 to `most`, the first on top. */
export function bars(rows: BarRow[], most: number, width: number, colours: Palette): Option {
  const [left, right] = [room(rows.map((row) => row.name), 60, Math.min(190, width / 3)), room(rows.map((row) => row.note), 60, width / 3)]
  const words = (data: string[], position: 'left' | 'right') => ({
    type: 'category' as const, inverse: true, data, position, axisLine: { show: false }, axisTick: { show: false },
    axisLabel: { color: colours.ink, fontSize: 11, interval: 0, width: (position === 'left' ? left : right) - 12, overflow: 'truncate' as const },
  })
  return {
    ...base(colours),
    grid: { left, right, top: 6, bottom: 6 },
    xAxis: { type: 'value', min: 0, max: most || 1, show: false },
    yAxis: [words(rows.map((row) => row.name), 'left'), words(rows.map((row) => row.note), 'right')],
    series: [
      {
        type: 'bar', id: 'bars', data: rows.map((row) => (Number.isNaN(row.value) ? '-' : row.value)), barWidth: 16,
        itemStyle: { color: colours.accent, opacity: 0.85 }, showBackground: true, backgroundStyle: { color: colours.line, opacity: 0.35 }, emphasis: { disabled: true },
      },
      intervals(rows, colours),
    ],
  }
}

/** A line over each interval, with an end on both sides. */
function intervals(rows: BarRow[], colours: Palette): CustomSeriesOption {
  const data = rows.flatMap(({ low, high }, i) => (low === undefined || high === undefined || Number.isNaN(low + high) ? [] : [[low, high, i]]))
  return {
    type: 'custom', id: 'intervals', silent: true, data, dimensions: ['low', 'high', 'row'], encode: { x: ['low', 'high'], y: 'row' },
    renderItem: (_, api) => {
      const [[x1, y], [x2]] = [api.coord([api.value('low'), api.value('row')]), api.coord([api.value('high'), api.value('row')])] as [[number, number], [number, number]]
      const line = (x1: number, y1: number, x2: number, y2: number) => ({ type: 'line' as const, shape: { x1, y1, x2, y2 }, style: { stroke: colours.ink, lineWidth: 1.5 } })
      return { type: 'group', children: [line(x1, y, x2, y), line(x1, y - 4, x1, y + 4), line(x2, y - 4, x2, y + 4)] }
    },
  }
}

export interface Group {
  name: string
  values: number[]
}

/** Standing bars in groups: one group per class, one bar per series. */
export function histogram(classes: string[], groups: Group[], width: number, colours: Palette): Option {
  const { label, height } = namesBelow(classes, (width - 60) / Math.max(1, classes.length))
  return {
    ...base(colours),
    legend: { left: 48, top: 0, icon: 'rect', itemWidth: 10, itemHeight: 10, selectedMode: false, textStyle: { color: colours.ink } },
    grid: { left: 52, right: 8, top: 28, bottom: 12 + height },
    xAxis: {
      type: 'category', data: classes, axisTick: { show: false }, axisLine: { lineStyle: { color: colours.line } },
      axisLabel: { color: colours.ink, ...label },
    },
    yAxis: {
      type: 'value', min: 0, splitNumber: 3, axisLabel: { color: colours.soft, formatter: (value: number) => short(value) },
      splitLine: { lineStyle: { color: colours.line, opacity: 0.6 } },
    },
    series: groups.map(({ name, values }, i) => ({
      type: 'bar' as const, id: name, name, data: classes.map((_, place) => values[place] ?? 0), itemStyle: { color: series(i, colours.isDark) },
      barCategoryGap: '20%', barGap: '6%', emphasis: { disabled: true },
    })),
  }
}

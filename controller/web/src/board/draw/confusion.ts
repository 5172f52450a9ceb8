/** A confusion matrix as coloured fields: rows are the truth, columns the guess. A field's colour is its share of its row. */
import { base, namesBelow, type Option } from './option'
import type { Palette } from './palette'

export const confusionHeight = (classes: number): number => Math.max(180, 66 + classes * 30)

/** What a field holds: its place, its share of the row, its count. */
type Field = [guess: number, truth: number, share: number, count: number]

export const fields = (counts: number[][], classes: number): Field[] =>
  Array.from({ length: classes }, (_, truth) => {
    const row = counts[truth] ?? []
    const sum = row.reduce((a, b) => a + b, 0)
    return Array.from({ length: classes }, (_, guess): Field => [guess, truth, sum > 0 ? (row[guess] ?? 0) / sum : 0, row[guess] ?? 0])
  }).flat()

export function confusion(classes: string[], counts: number[][], asShare: boolean, width: number, colours: Palette): Option {
  const left = Math.min(110, width / 3, Math.max(...classes.map((name) => name.length * 6.4)) + 34)
  const step = (width - left - 6) / Math.max(1, classes.length)
  const said = (share: number, count: number) => (asShare ? String(Math.round(100 * share)) : String(count))
  const below = namesBelow(classes, step)
  const axis = (name: string) => ({
    type: 'category' as const, data: classes, name, nameLocation: 'middle' as const, nameTextStyle: { color: colours.soft, fontSize: 11 },
    axisLine: { show: false }, axisTick: { show: false },
  })
  return {
    ...base(colours),
    grid: { left, right: 6, top: 8, bottom: 30 + below.height },
    xAxis: { ...axis(`guess, ${asShare ? 'per cent of the truth' : 'counts'}`), nameGap: 10 + below.height, axisLabel: { color: colours.ink, ...below.label } },
    yAxis: { ...axis('truth'), inverse: true, nameGap: left - 14, axisLabel: { color: colours.ink, interval: 0, width: left - 30, overflow: 'truncate', fontSize: 11 } },
    visualMap: { show: false, type: 'continuous', min: 0, max: 1, dimension: 2, inRange: { color: [colours.panel, colours.accent] } },
    series: {
      type: 'heatmap', id: 'fields', dimensions: ['guess', 'truth', 'share', 'count'], encode: { x: 'guess', y: 'truth' }, emphasis: { disabled: true },
      itemStyle: { borderColor: colours.paper, borderWidth: 1 },
      data: fields(counts, classes.length).map((value) => ({ value, label: { color: value[2] > 0.5 ? colours.paper : colours.ink } })),
      label: { show: true, fontSize: 11, formatter: ({ value }) => (step > 26 ? said((value as Field)[2], (value as Field)[3]) : '') },
    },
  }
}

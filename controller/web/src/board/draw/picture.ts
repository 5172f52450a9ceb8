/** A plot as ECharts draws it, for files. */
import { base, type CustomSeriesOption, GRID, type LineSeriesOption, type Option, type ScatterSeriesOption, xAxis, yAxis } from './option'
import type { Palette } from './palette'
import { isOn, type Line, type Plot } from './plot'

/** Several curves, but not too many to name, have their names above them. */
const MOST_NAMED = 12

export function picture(plot: Plot, colours: Palette): Option {
  const named = plot.lines.filter((line) => line.shape === 'line' && !line.isBehind)
  const hasNames = named.length > 1 && named.length <= MOST_NAMED
  const shown = plot.lines.filter((line) => line.colour !== 'transparent')
  return {
    ...base(colours),
    grid: { ...GRID, top: hasNames ? 30 : GRID.top },
    xAxis: xAxis(plot.x, colours),
    yAxis: yAxis(plot.y, colours),
    ...(hasNames && { legend: { top: 2, left: GRID.left, icon: 'rect', selectedMode: false, itemWidth: 14, itemHeight: 3, textStyle: { color: colours.ink }, data: named.map((line) => line.name) } }),
    series: [...(plot.band ? [between(plot, plot.band)] : []), ...shown.map((line) => series(plot, line))],
  }
}

function series(plot: Plot, line: Line): LineSeriesOption | ScatterSeriesOption {
  const { name, colour, shape, width, dash } = line
  const data = points(plot, line)
  if (shape === 'dots') return { type: 'scatter', name, silent: true, data: data.filter(([, y]) => y !== null), symbolSize: width, itemStyle: { color: colour } }
  return {
    type: 'line', name, data, clip: true, silent: true, color: colour, symbol: 'circle', symbolSize: 6, showSymbol: data.length === 1,
    lineStyle: { color: colour, width, ...(dash && { type: dash }) }, ...(shape === 'steps' && { step: 'end' as const }),
  }
}

const points = ({ x, y }: Plot, { xs, ys }: Line): [number, number | null][] =>
  Array.from(xs, (at, i): [number, number | null] => [at, isOn(y, ys[i]!) ? ys[i]! : null]).filter(([at]) => isOn(x, at))

/** What is between the two lines of a band, as one shape. */
function between(plot: Plot, { upper, lower, colour }: NonNullable<Plot['band']>): CustomSeriesOption {
  const [up, down] = [points(plot, plot.lines[upper]!), points(plot, plot.lines[lower]!)]
  const ring = [...up, ...down.reverse()].filter((point): point is [number, number] => point[1] !== null)
  return {
    type: 'custom', silent: true, clip: true, data: [[plot.x.range[0], plot.y.range[0]]],
    renderItem: (_, api) => ({ type: 'polygon', shape: { points: ring.map((point) => api.coord(point)) }, style: { fill: colour } }),
  }
}

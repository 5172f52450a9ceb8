/** ECharts, of it what our charts need. It comes to the page when the first of them is seen, or a chart leaves as a file. */
import { BarChart, CustomChart, HeatmapChart, LineChart, ParallelChart, ScatterChart } from 'echarts/charts'
import { BrushComponent, GridComponent, LegendPlainComponent, ParallelComponent, VisualMapContinuousComponent } from 'echarts/components'
import { type EChartsType, init, use } from 'echarts/core'
import { CanvasRenderer, SVGRenderer } from 'echarts/renderers'

import type { Option, Size } from './option'

use([
  BarChart, CustomChart, HeatmapChart, LineChart, ParallelChart, ScatterChart,
  BrushComponent, GridComponent, LegendPlainComponent, ParallelComponent, VisualMapContinuousComponent,
  CanvasRenderer, SVGRenderer,
])

export { type EChartsType, init }

/** Gives brushes of parallel axes the colours of brushes: those that ECharts is told of, and those of before, it draws in a grey that
 *  hides what is below. */
export function tint(chart: EChartsType, { color, borderColor, borderWidth }: { color: string; borderColor: string; borderWidth: number }): void {
  for (const shape of chart.getZr().storage.getDisplayList(true)) {
    if (shape.name === 'main') shape.setStyle({ fill: color, stroke: borderColor, lineWidth: borderWidth })
  }
}

/** A chart as a file's text. */
export function svg(option: Option, size: Size, title: string, paper: string): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...size })
  chart.setOption({ ...option, backgroundColor: paper })
  const text = chart.renderToSVGString()
  chart.dispose()
  const escaped = title.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `${text.replace('>', `><title>${escaped}</title>`).trimEnd()}\n`
}

/** A chart as a picture with two pixels a point. */
export async function png(option: Option, size: Size, paper: string): Promise<Blob> {
  const chart = init(document.createElement('div'), null, { renderer: 'canvas', devicePixelRatio: 2, ...size })
  chart.setOption(option)
  const canvas = chart.renderToCanvas({ pixelRatio: 2, backgroundColor: paper })
  chart.dispose()
  return new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error('the browser gave no picture')))))
}

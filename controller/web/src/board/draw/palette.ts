/** Colours of charts: the page's own, and scales that colour-blind eyes tell apart. */

export const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"

export interface Palette {
  ink: string
  soft: string
  line: string
  paper: string
  panel: string
  accent: string
  good: string
  warn: string
  bad: string
  isDark: boolean
}

/** The colours that the page has now. */
export function palette(): Palette {
  const probe = document.createElement('span')
  document.body.append(probe)
  const colour = (name: string) => {
    probe.style.color = `var(--${name})`
    return getComputedStyle(probe).color
  }
  const found = {
    ink: colour('ink'), soft: colour('ink-soft'), line: colour('line'), paper: colour('paper'), panel: colour('panel'),
    accent: colour('accent'), good: colour('good'), warn: colour('warn'), bad: colour('bad'),
  }
  probe.remove()
  const [red = 255] = (found.paper.match(/[\d.]+/g) ?? []).map(Number)
  return { ...found, isDark: red < 128 }
}

/** One of those colours, let through. */
export const faded = (colour: string, alpha: number): string => colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`)

/** After Okabe and Ito; the two that vanish on white or black are darker or lighter there. */
const SERIES = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b58900', '#56b4e9', '#7b4fb5', '#8c6d46', '#4d7c0f', '#a33b5e']
const SERIES_DARK = ['#56b4e9', '#ff9448', '#2fc79a', '#eb9fc8', '#e6c34a', '#8fb8ff', '#b69cf0', '#d0b08a', '#a3d160', '#f08aa6']

export const series = (place: number, isDark: boolean): string => (isDark ? SERIES_DARK : SERIES)[place % SERIES.length]!

/** Cividis (Nuñez, Anderton, Renslow 2018), every eighth of it. */
const CIVIDIS = [[0, 34, 78], [24, 59, 111], [65, 82, 109], [97, 106, 113], [125, 124, 120], [152, 144, 117], [185, 168, 104], [219, 196, 81], [253, 231, 55]]

/** A colour of the scale: 1 stands out most from the paper, 0 least. The end that is like the paper is left out. */
export function shade(share: number, isDark: boolean): string {
  const held = Math.min(1, Math.max(0, share))
  const place = (isDark ? 0.25 + 0.75 * held : 0.88 * (1 - held)) * (CIVIDIS.length - 1)
  const low = Math.min(CIVIDIS.length - 2, Math.floor(place))
  const part = place - low
  const mixed = CIVIDIS[low]!.map((value, i) => Math.round(value + (CIVIDIS[low + 1]![i]! - value) * part))
  return `rgb(${mixed.join(',')})`
}

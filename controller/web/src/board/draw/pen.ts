/** What charts draw with. One drawing serves the screen and the exports: a canvas, or an SVG. */

export interface Style {
  colour: string
  width?: number
  alpha?: number
  dash?: number[]
}

export interface Words {
  colour: string
  size?: number
  align?: 'left' | 'center' | 'right'
  /** Where `y` is: at the top, the middle or the line that letters stand on. */
  base?: 'top' | 'middle' | 'line'
  bold?: boolean
  /** Turned by a quarter, read from below. */
  upright?: boolean
}

export interface Pen {
  /** A line through points; NaN breaks it. */
  line(xs: ArrayLike<number>, ys: ArrayLike<number>, style: Style): void
  /** What is between two lines over the same places. */
  between(xs: ArrayLike<number>, low: ArrayLike<number>, high: ArrayLike<number>, style: Style): void
  rect(x: number, y: number, width: number, height: number, style: Style): void
  dot(x: number, y: number, radius: number, style: Style): void
  text(x: number, y: number, text: string, words: Words): void
}

export const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"

export class CanvasPen implements Pen {
  constructor(private readonly to: CanvasRenderingContext2D) {}

  line(xs: ArrayLike<number>, ys: ArrayLike<number>, style: Style): void {
    const { to } = this
    this.#set(style)
    to.beginPath()
    let isDown = false
    for (let i = 0; i < xs.length; i++) {
      const [x, y] = [xs[i]!, ys[i]!]
      if (Number.isNaN(x) || Number.isNaN(y)) isDown = false
      else if (isDown) to.lineTo(x, y)
      else {
        to.moveTo(x, y)
        isDown = true
      }
    }
    to.stroke()
  }

  between(xs: ArrayLike<number>, low: ArrayLike<number>, high: ArrayLike<number>, style: Style): void {
    const { to } = this
    this.#set(style)
    for (const [from, until] of stretches(xs, low, high)) {
      to.beginPath()
      for (let i = from; i < until; i++) to.lineTo(xs[i]!, low[i]!)
      for (let i = until - 1; i >= from; i--) to.lineTo(xs[i]!, high[i]!)
      to.fill()
    }
  }

  rect(x: number, y: number, width: number, height: number, style: Style): void {
    this.#set(style)
    this.to.fillRect(x, y, width, height)
  }

  dot(x: number, y: number, radius: number, style: Style): void {
    this.#set(style)
    if (radius <= 1.5) {
      this.to.fillRect(x - radius, y - radius, 2 * radius, 2 * radius)
      return
    }
    this.to.beginPath()
    this.to.arc(x, y, radius, 0, 2 * Math.PI)
    this.to.fill()
  }

  text(x: number, y: number, text: string, words: Words): void {
    const { to } = this
    to.globalAlpha = 1
    to.fillStyle = words.colour
    to.font = `${words.bold ? '600 ' : ''}${words.size ?? 11}px ${FONT}`
    to.textAlign = words.align ?? 'left'
    to.textBaseline = words.base === 'top' ? 'top' : words.base === 'middle' ? 'middle' : 'alphabetic'
    if (!words.upright) {
      to.fillText(text, x, y)
      return
    }
    to.save()
    to.translate(x, y)
    to.rotate(-Math.PI / 2)
    to.fillText(text, 0, 0)
    to.restore()
  }

  #set({ colour, width, alpha, dash }: Style): void {
    const { to } = this
    to.globalAlpha = alpha ?? 1
    to.strokeStyle = to.fillStyle = colour
    to.lineWidth = width ?? 1
    to.lineJoin = 'round'
    to.setLineDash(dash ?? [])
  }
}

export class SvgPen implements Pen {
  readonly #parts: string[] = []

  constructor(
    readonly width: number,
    readonly height: number,
    paper: string,
  ) {
    this.rect(0, 0, width, height, { colour: paper })
  }

  line(xs: ArrayLike<number>, ys: ArrayLike<number>, style: Style): void {
    let path = ''
    let isDown = false
    for (let i = 0; i < xs.length; i++) {
      if (Number.isNaN(xs[i]!) || Number.isNaN(ys[i]!)) isDown = false
      else {
        path += `${isDown ? 'L' : 'M'}${round(xs[i]!)} ${round(ys[i]!)}`
        isDown = true
      }
    }
    const dash = style.dash ? ` stroke-dasharray="${style.dash.join(' ')}"` : ''
    if (path) this.#parts.push(`<path d="${path}" fill="none" stroke="${style.colour}" stroke-width="${style.width ?? 1}" stroke-linejoin="round"${dash}${faint('stroke', style)}/>`)
  }

  between(xs: ArrayLike<number>, low: ArrayLike<number>, high: ArrayLike<number>, style: Style): void {
    for (const [from, until] of stretches(xs, low, high)) {
      const points: string[] = []
      for (let i = from; i < until; i++) points.push(`${round(xs[i]!)},${round(low[i]!)}`)
      for (let i = until - 1; i >= from; i--) points.push(`${round(xs[i]!)},${round(high[i]!)}`)
      this.#parts.push(`<polygon points="${points.join(' ')}" fill="${style.colour}"${faint('fill', style)}/>`)
    }
  }

  rect(x: number, y: number, width: number, height: number, style: Style): void {
    this.#parts.push(`<rect x="${round(x)}" y="${round(y)}" width="${round(Math.max(0, width))}" height="${round(Math.max(0, height))}" fill="${style.colour}"${faint('fill', style)}/>`)
  }

  dot(x: number, y: number, radius: number, style: Style): void {
    this.#parts.push(`<circle cx="${round(x)}" cy="${round(y)}" r="${radius}" fill="${style.colour}"${faint('fill', style)}/>`)
  }

  text(x: number, y: number, text: string, words: Words): void {
    const anchor = { left: 'start', center: 'middle', right: 'end' }[words.align ?? 'left']
    const size = words.size ?? 11
    const shift = words.base === 'top' ? size * 0.8 : words.base === 'middle' ? size * 0.35 : 0
    const turn = words.upright ? ` transform="rotate(-90 ${round(x)} ${round(y)})"` : ''
    const weight = words.bold ? ' font-weight="600"' : ''
    this.#parts.push(`<text x="${round(x)}" y="${round(y + shift)}" font-size="${size}" text-anchor="${anchor}" fill="${words.colour}"${weight}${turn}>${escaped(text)}</text>`)
  }

  /** The whole file. */
  file(title: string): string {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}" font-family="${FONT.replaceAll('"', "'")}"><title>${escaped(title)}</title>${this.#parts.join('')}</svg>\n`
  }
}

const round = (value: number) => Number(value.toFixed(1))
const faint = (what: string, style: Style) => (style.alpha === undefined || style.alpha === 1 ? '' : ` ${what}-opacity="${style.alpha}"`)
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** From and until of each run of places where both lines are. */
function* stretches(xs: ArrayLike<number>, low: ArrayLike<number>, high: ArrayLike<number>): Iterable<[number, number]> {
  let from = -1
  for (let i = 0; i <= xs.length; i++) {
    const isThere = i < xs.length && !Number.isNaN(xs[i]! + low[i]! + high[i]!)
    if (isThere && from < 0) from = i
    if (!isThere && from >= 0) {
      yield [from, i]
      from = -1
    }
  }
}

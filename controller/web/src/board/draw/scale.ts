/** Values to places and back, and where the marks of an axis are. */

export interface Scale {
  at: (value: number) => number
  value: (at: number) => number
  ticks: number[]
  from: number
  to: number
}

/** Linear or logarithmic from `low` at `start` to `high` at `end`. A logarithmic one needs both above zero and is linear else. */
export function scale(low: number, high: number, start: number, end: number, log = false, marks = 5): Scale {
  let [from, to] = [low, high]
  if (!Number.isFinite(from) || !Number.isFinite(to)) [from, to] = [0, 1]
  if (log && from > 0) {
    if (from === to) [from, to] = [from / 2, to * 2]
    const [a, b] = [Math.log(from), Math.log(to)]
    const step = (end - start) / (b - a)
    return {
      at: (value) => (value > 0 ? start + (Math.log(value) - a) * step : NaN),
      value: (at) => Math.exp(a + (at - start) / step),
      ticks: logTicks(from, to, marks), from, to,
    }
  }
  if (from === to) [from, to] = from === 0 ? [-1, 1] : [from - Math.abs(from) * 0.1, to + Math.abs(to) * 0.1]
  const step = (end - start) / (to - from)
  return {
    at: (value) => start + (value - from) * step,
    value: (at) => from + (at - start) / step,
    ticks: ticks(from, to, marks), from, to,
  }
}

/** Round values between two, about so many. */
export function ticks(from: number, to: number, marks: number): number[] {
  const raw = (to - from) / Math.max(1, marks)
  const size = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].map((times) => times * size).find((step) => step >= raw * 0.7) ?? raw
  const out: number[] = []
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + step * 1e-9; i++) out.push(Number((i * step).toPrecision(12)))
  return out
}

function logTicks(from: number, to: number, marks: number): number[] {
  const [a, b] = [Math.floor(Math.log10(from)), Math.ceil(Math.log10(to))]
  const every = Math.max(1, Math.ceil((b - a) / Math.max(3, marks)))
  const times = b - a <= 2 ? [1, 2, 5] : [1]
  const out: number[] = []
  for (let power = a; power <= b; power += every) {
    for (const one of times) {
      const value = Number((one * 10 ** power).toPrecision(6))
      if (value >= from * 0.999 && value <= to * 1.001) out.push(value)
    }
  }
  return out.length > 1 ? out : ticks(from, to, marks)
}

/** The lowest and highest of what is finite, over zero if `log`; undefined when there is none. */
export function extent(lists: Iterable<ArrayLike<number>>, log = false): [number, number] | undefined {
  let [low, high] = [Infinity, -Infinity]
  for (const values of lists) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!
      if (!Number.isFinite(value) || (log && value <= 0)) continue
      if (value < low) low = value
      if (value > high) high = value
    }
  }
  return low <= high ? [low, high] : undefined
}

/** A stretch with a little air at both ends. */
export function aired([low, high]: [number, number], log = false): [number, number] {
  if (log && low > 0) return [low / (high / low) ** 0.04, high * (high / low) ** 0.04]
  const air = (high - low) * 0.05
  return [low - air, high + air]
}

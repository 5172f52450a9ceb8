/** How far values reach: what axes begin and end with. */

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

/** A stretch with a little air at both ends; of one value, one around it. */
export function aired([low, high]: [number, number], log = false): [number, number] {
  if (log && low > 0) return low === high ? [low / 2, high * 2] : [low / (high / low) ** 0.04, high * (high / low) ** 0.04]
  if (low === high) return low === 0 ? [-1, 1] : [low - Math.abs(low) * 0.1, high + Math.abs(high) * 0.1]
  const air = (high - low) * 0.05
  return [low - air, high + air]
}

/** The extent without what lies further than three times the middle half outside of it: values of trials that diverged do not
 *  flatten the rest. */
export function usual(values: Float64Array, log = false): [number, number] | undefined {
  const all = extent([values], log)
  if (!all || log || values.length < 8) return all
  const sorted = values.filter((value) => Number.isFinite(value)).sort()
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!
  const spread = 3 * (at(0.75) - at(0.25))
  return spread === 0 ? all : [Math.max(all[0], at(0.25) - spread), Math.min(all[1], at(0.75) + spread)]
}

export const within = (value: number, [low, high]: [number, number]): number => Math.min(high, Math.max(low, value))

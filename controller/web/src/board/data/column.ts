/** Columns of the wire as typed arrays. Every machine with a browser is little-endian, as the wire is. */
import { type NumberColumn, NumberEncoding, type WordColumn } from '../../wire/sweep/v1/dashboard_pb'

/** The numbers of a column; nothing is NaN. A column that is absent or too short is all NaN. */
export function numbers(column: NumberColumn | undefined, rows: number): Float64Array {
  const out = new Float64Array(rows)
  if (!column || column.encoding === NumberEncoding.UNSPECIFIED) return out.fill(NaN)
  if (column.encoding === NumberEncoding.CONSTANT) return out.fill(column.offset)
  const width = WIDTH[column.encoding]
  if (column.data.byteLength < rows * width) return out.fill(NaN)
  // A view must be aligned: a copy is.
  const bytes = column.data.slice().buffer
  switch (column.encoding) {
    case NumberEncoding.F64:
      out.set(new Float64Array(bytes, 0, rows))
      return out
    case NumberEncoding.F32:
      out.set(new Float32Array(bytes, 0, rows))
      return out
    case NumberEncoding.U32:
      return shifted(out, new Uint32Array(bytes, 0, rows), 0xffffffff, column.offset)
    case NumberEncoding.U16:
      return shifted(out, new Uint16Array(bytes, 0, rows), 0xffff, column.offset)
    default:
      return shifted(out, new Uint8Array(bytes, 0, rows), 0xff, column.offset)
  }
}

/** How many rows columns of one length have, by the size of those that are not constant: at least one. */
export function rowsOf(...columns: (NumberColumn | undefined)[]): number {
  const rows = columns.map((column) => (column && column.encoding in WIDTH ? Math.floor(column.data.byteLength / WIDTH[column.encoding as keyof typeof WIDTH]) : 0))
  return Math.max(1, ...rows)
}

/** The word of each row; null: no word. */
export function words(column: WordColumn | undefined, rows: number): (string | null)[] {
  const places = numbers(column?.index, rows)
  return Array.from(places, (place) => column?.words[place] ?? null)
}

const WIDTH = {
  [NumberEncoding.F64]: 8,
  [NumberEncoding.F32]: 4,
  [NumberEncoding.U32]: 4,
  [NumberEncoding.U16]: 2,
  [NumberEncoding.U8]: 1,
}

function shifted(out: Float64Array, from: Uint32Array | Uint16Array | Uint8Array, nothing: number, offset: number): Float64Array {
  for (let row = 0; row < out.length; row++) {
    const value = from[row]!
    out[row] = value === nothing ? NaN : value + offset
  }
  return out
}

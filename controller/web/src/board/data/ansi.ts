/** Colours in a line of a log: the sixteen of ECMA-48 and bold. Other sequences are left out. */

export interface Piece {
  text: string
  /** 0 to 15; undefined: the page's own. */
  colour?: number
  bold?: boolean
}

// eslint-disable-next-line no-control-regex
const SEQUENCE = /\u001b\[([0-9;]*)m|\u001b\[[0-9;?]*[A-Za-z]|\u001b\][^\u0007]*\u0007/g

export function pieces(line: string): Piece[] {
  const out: Piece[] = []
  let now: Omit<Piece, 'text'> = {}
  let from = 0
  const put = (text: string) => text !== '' && out.push({ text, ...now })
  for (const found of line.matchAll(SEQUENCE)) {
    put(line.slice(from, found.index))
    from = found.index + found[0].length
    if (found[1] !== undefined) now = turned(now, found[1])
  }
  put(line.slice(from))
  return out
}

function turned(now: Omit<Piece, 'text'>, codes: string): Omit<Piece, 'text'> {
  for (const code of codes.split(';').map(Number)) {
    if (code === 0) now = {}
    else if (code === 1) now = { ...now, bold: true }
    else if (code === 22) now = { ...(now.colour !== undefined && { colour: now.colour }) }
    else if (code >= 30 && code <= 37) now = { ...now, colour: code - 30 }
    else if (code >= 90 && code <= 97) now = { ...now, colour: code - 82 }
    else if (code === 39) now = { ...(now.bold && { bold: true }) }
  }
  return now
}

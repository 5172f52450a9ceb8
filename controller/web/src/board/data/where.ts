/** The filter's language: `val_f1 > 0.7 and (lr < 1e-3 or backbone = resnet34) and not state = failed and tag = best`. */
import { type Column, tagsOf } from './columns'
import { trialLook } from './states'

export type Test = (row: number) => boolean

type Token = { kind: 'name' | 'value' | 'sign'; text: string; at: number }
type Comparison = (a: number, b: number) => boolean

const SIGNS: Record<string, Comparison> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
}

/** Makes a test of an expression. Throws an Error that says what is wrong and where. */
export function compile(text: string, column: (name: string) => Column | undefined): Test {
  const tokens = tokensOf(text)
  let next = 0
  const peek = () => tokens[next]
  const fail = (what: string): never => {
    throw new Error(`${what} at character ${(peek()?.at ?? text.length) + 1}`)
  }
  const word = (text: string) => peek()?.kind === 'name' && peek()?.text.toLowerCase() === text && ++next > 0

  function any(): Test {
    let left = all()
    while (word('or')) {
      const [a, b] = [left, all()]
      left = (row) => a(row) || b(row)
    }
    return left
  }
  function all(): Test {
    let left = one()
    while (word('and')) {
      const [a, b] = [left, one()]
      left = (row) => a(row) && b(row)
    }
    return left
  }
  function one(): Test {
    if (word('not')) {
      const test = one()
      return (row) => !test(row)
    }
    if (peek()?.text === '(') {
      next++
      const test = any()
      if (peek()?.text !== ')') fail('a closing bracket is missing')
      next++
      return test
    }
    return comparison()
  }
  function comparison(): Test {
    const name = peek()
    if (!name || name.kind === 'sign') return fail('a name of a column is missing')
    const held = column(name.text)
    if (!held) return fail(`there is no column \`${name.text}\``)
    next++
    const sign = peek()
    const compare = sign && SIGNS[sign.text]
    if (!compare) return fail('one of < <= > >= = != is missing')
    next++
    const value = peek()
    if (!value || value.kind === 'sign') return fail('a value is missing')
    const test = against(held, compare, sign.text, value.text)
    if (!test) return fail(held.kind === 'tags' ? 'tags are compared by = and != only' : `\`${held.label}\` is a number, this is \`${value.text}\``)
    next++
    return test
  }

  const test = any()
  if (next < tokens.length) fail(`\`${peek()?.text ?? ''}\` is not expected`)
  return test
}

function against(column: Column, compare: Comparison, sign: string, text: string): Test | undefined {
  const { values, words } = column
  if (column.kind === 'tags') {
    // Of several tags any one: `tag = best` is to have it, `tag != best` is not to.
    if (sign === '=') return (row) => tagsOf(column, row).includes(text)
    if (sign === '!=') return (row) => !tagsOf(column, row).includes(text)
    return undefined
  }
  if (column.kind === 'state' || words) {
    const said = (value: number) => (column.kind === 'state' ? trialLook(value).word : (words?.[value] ?? ''))
    if (sign === '=') return (row) => said(values[row]!) === text
    if (sign === '!=') return (row) => said(values[row]!) !== text
    return (row) => compare(Number(said(values[row]!)), Number(text))
  }
  const bound = Number(text) * (column.kind === 'span' ? 1000 : 1)
  if (text.trim() === '' || Number.isNaN(bound)) return undefined
  return (row) => compare(values[row]!, bound)
}

function tokensOf(text: string): Token[] {
  const pattern = /\s*(?:(<=|>=|!=|==|[<>=()])|"([^"]*)"|'([^']*)'|([^\s<>=!()"']+))/gy
  const tokens: Token[] = []
  while (pattern.lastIndex < text.trimEnd().length) {
    const at = pattern.lastIndex
    const found = pattern.exec(text)
    if (!found) throw new Error(`\`${text.slice(at).trim()[0] ?? ''}\` is not expected at character ${at + 1}`)
    const [, sign, double, single, bare] = found
    if (sign) tokens.push({ kind: 'sign', text: sign === '==' ? '=' : sign, at })
    else if (bare !== undefined) tokens.push({ kind: 'name', text: bare, at })
    else tokens.push({ kind: 'value', text: double ?? single ?? '', at })
  }
  return tokens
}

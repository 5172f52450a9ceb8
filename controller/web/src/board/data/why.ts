/** What the controller noted of a trial as JSON, in rows that people read. */

/** The stop rule's last word: its rule, then its facts. Empty: it said to go on, or nothing. */
export function verdictRows(json: string): [string, string][] {
  const told = read(json)
  if (!told || typeof told !== 'object') return []
  const rows: [string, string][] = []
  flatten(told, '', rows)
  return rows
}

function flatten(value: object, prefix: string, rows: [string, string][]): void {
  for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
    const name = (prefix + key).replaceAll('_', ' ')
    if (inner !== null && typeof inner === 'object' && !Array.isArray(inner)) flatten(inner, `${name} `, rows)
    else if (inner !== null) rows.push([name, Array.isArray(inner) ? inner.map((one) => (typeof one === 'object' ? JSON.stringify(one) : String(one))).join(', ') : String(inner)])
  }
}

/** Parameters in the file's order, nested ones joined by dots. */
export function paramRows(json: string): [string, string][] {
  const told = read(json)
  const rows: [string, string][] = []
  const walk = (value: unknown, name: string) => {
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) walk(inner, name === '' ? key : `${name}.${key}`)
    } else rows.push([name, typeof value === 'string' ? value : JSON.stringify(value)])
  }
  if (told) walk(told, '')
  return rows
}

function read(json: string): object | null {
  if (json === '') return null
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

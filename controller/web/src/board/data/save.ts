/** Files that a person takes away. */

/** What is behind a chart or on a page, in rows. */
export interface Sheet {
  head: string[]
  rows: (string | number)[][]
}

/** RFC 4180, with a byte order mark left out; numbers as they are. */
export function csv({ head, rows }: Sheet): string {
  const field = (value: string | number) => {
    const text = typeof value === 'number' && Number.isNaN(value) ? '' : String(value)
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return [head, ...rows].map((row) => row.map(field).join(',')).join('\r\n') + '\r\n'
}

export function json({ head, rows }: Sheet): string {
  const items = rows.map((row) => Object.fromEntries(head.map((name, i) => [name, row[i] ?? null])))
  return JSON.stringify({ schema: 'sweep.v1', items }, (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? null : value), 1)
}

export function save(name: string, content: string | Blob, type = 'text/plain'): void {
  const blob = content instanceof Blob ? content : new Blob([content], { type })
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}

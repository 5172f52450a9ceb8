/** How a person laid out a project's pages, kept in this browser: a sweep opened without a view begins with it. */
import { type CurveView, CURVES, type View } from './route'

export interface Layout {
  columns: string[] | null
  sorts: View['sorts']
  curves: CurveView
}

const keyOf = (project: string) => `sweep.layout.${project}`

export function kept(project: string): Layout | undefined {
  try {
    const text = localStorage.getItem(keyOf(project))
    const found = text === null ? undefined : (JSON.parse(text) as Partial<Layout>)
    if (!found) return undefined
    return {
      columns: Array.isArray(found.columns) ? found.columns.map(String) : null,
      sorts: Array.isArray(found.sorts) ? found.sorts : [],
      curves: { ...CURVES, ...found.curves },
    }
  } catch {
    // Kept by another version, or by hand: the usual layout serves.
    return undefined
  }
}

export function keep(project: string, { columns, sorts, curves }: Layout): void {
  localStorage.setItem(keyOf(project), JSON.stringify({ columns, sorts, curves }))
}

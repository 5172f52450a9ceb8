/** How a person laid out a project's pages: a sweep opened without a view begins with it. */
import { type CurveView, CURVES, type View } from './route'

export interface Layout {
  columns: string[] | null
  sorts: View['sorts']
  curves: CurveView
}

/** What of a change of the view is a change of the layout; undefined: nothing. */
export function laidOut({ columns, sorts, curves }: Partial<View>): Partial<Layout> | undefined {
  const part = { ...(columns !== undefined && { columns }), ...(sorts && { sorts }), ...(curves && { curves }) }
  return Object.keys(part).length > 0 ? part : undefined
}

/** A layout as the controller has it, a JSON object; empty: nobody said. Parts that are of another version of the page are left out. */
export function parsed(text: string): Layout | undefined {
  if (text === '') return undefined
  const found = JSON.parse(text) as { [part in keyof Layout]?: unknown }
  const sorts = Array.isArray(found.sorts) ? (found.sorts as unknown[]) : []
  return {
    columns: Array.isArray(found.columns) ? found.columns.map(String) : null,
    sorts: sorts.flatMap((sort) => (typeof sort === 'object' && sort !== null && 'key' in sort ? { key: String(sort.key), down: 'down' in sort && sort.down === true } : [])),
    curves: { ...CURVES, ...(typeof found.curves === 'object' ? found.curves : {}) },
  }
}

import { expect, test } from 'vitest'

import { laidOut, parsed } from './layout'
import { CURVES } from './route'

test('a layout comes back as it was kept, and what another version kept is left out', () => {
  const layout = { columns: ['number', 'p:lr'], sorts: [{ key: 'p:lr', down: true }], curves: { ...CURVES, smoothing: 0.5, logY: true } }
  expect(parsed(JSON.stringify(layout))).toEqual(layout)
  expect(parsed('')).toBeUndefined()
  expect(parsed('{"columns":"all","sorts":[7,null,{"key":"state"}],"curves":null,"theme":"dark"}')).toEqual({ columns: null, sorts: [{ key: 'state', down: false }], curves: CURVES })
})

test('of a change of the view, columns, sorting and curves are the layout', () => {
  expect(laidOut({ columns: null })).toEqual({ columns: null })
  expect(laidOut({ sorts: [], marked: [3] })).toEqual({ sorts: [] })
  expect(laidOut({ filter: { states: [5], brushes: [], where: '' }, heads: 2 })).toBeUndefined()
})

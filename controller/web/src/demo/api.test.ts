import { expect, it } from 'vitest'

import { fault, predictPath } from './api'
import { missing } from './camera'

it('takes code, reason and remedy from the body of an error', () => {
  const found = fault(415, { schema: 'sweep.v1', error: { code: 'unreadable', message: 'not a picture', fix: 'send a JPEG' } })
  expect([found.code, found.message, found.fix]).toEqual(['unreadable', 'not a picture', 'send a JPEG'])
})

it('calls an answer that it does not know a failure, and names the status', () => {
  for (const body of [null, {}, '<html>', { error: { code: 'teapot' } }]) {
    expect(fault(502, body)).toMatchObject({ code: 'internal', message: 'the controller answered with status 502', fix: '' })
  }
})

it('names a model in the address only when one is chosen', () => {
  expect([predictPath(null), predictPath('a/b')]).toEqual(['/api/v1/predict', '/api/v1/predict?model=a%2Fb'])
})

it('tells the reasons of a missing camera apart', () => {
  expect(['NotAllowedError', 'NotFoundError', 'NotReadableError', 'AbortError'].map(missing)).toEqual(['refused', 'absent', 'taken', 'broken'])
})

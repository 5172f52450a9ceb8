import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'

import { NumberColumnSchema, NumberEncoding, WordColumnSchema } from '../../wire/sweep/v1/dashboard_pb'
import { numbers, rowsOf, words } from './column'

const column = (encoding: NumberEncoding, data: ArrayBuffer, offset = 0) => create(NumberColumnSchema, { encoding, offset, data: new Uint8Array(data) })

test('every encoding gives its numbers back, and nothing is NaN', () => {
  const plain = [1.5, NaN, -3]
  expect([...numbers(column(NumberEncoding.F64, Float64Array.from(plain).buffer), 3)]).toEqual(plain)
  expect([...numbers(column(NumberEncoding.F32, Float32Array.from(plain).buffer), 3)]).toEqual(plain)
  expect([...numbers(column(NumberEncoding.U32, Uint32Array.of(0, 0xffffffff).buffer, 10), 2)]).toEqual([10, NaN])
  expect([...numbers(column(NumberEncoding.U16, Uint16Array.of(7, 0xffff).buffer, 1e12), 2)]).toEqual([1e12 + 7, NaN])
  expect([...numbers(column(NumberEncoding.U8, Uint8Array.of(255, 1).buffer), 2)]).toEqual([NaN, 1])
  expect([...numbers(column(NumberEncoding.CONSTANT, new ArrayBuffer(0), 4), 2)]).toEqual([4, 4])
})

test('a view into the middle of a message need not be aligned', () => {
  const bytes = new Uint8Array(17)
  bytes.set(new Uint8Array(Float64Array.of(2.5, 3.5).buffer), 1)
  const odd = create(NumberColumnSchema, { encoding: NumberEncoding.F64, data: bytes.subarray(1) })
  expect([...numbers(odd, 2)]).toEqual([2.5, 3.5])
})

test('a column that is absent or too short is nothing', () => {
  expect([...numbers(undefined, 2)]).toEqual([NaN, NaN])
  expect([...numbers(column(NumberEncoding.F64, new ArrayBuffer(8)), 2)]).toEqual([NaN, NaN])
})

test('words come by their places', () => {
  const told = create(WordColumnSchema, { words: ['a', 'b'], index: column(NumberEncoding.U8, Uint8Array.of(1, 255, 0).buffer) })
  expect(words(told, 3)).toEqual(['b', null, 'a'])
})

test('rows are counted by the columns that are not constant', () => {
  const constant = column(NumberEncoding.CONSTANT, new ArrayBuffer(0), 1)
  expect(rowsOf(constant, column(NumberEncoding.U16, new ArrayBuffer(6)))).toBe(3)
  expect(rowsOf(constant)).toBe(1)
})

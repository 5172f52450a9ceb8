import { describe, expect, it } from 'vitest'

import { format, LIMIT, redrawn } from './picture'

describe('a picture that is sent', () => {
  it('goes unchanged when the controller takes it and it is small', () => {
    expect(redrawn({ format: 'jpeg', size: 1000 }, 1024, 768)).toBeNull()
    expect(redrawn({ format: 'png', size: LIMIT }, 1, 1)).toBeNull()
  })

  it('is made smaller to 1024 pixels on its longer side, and keeps its shape', () => {
    expect(redrawn({ format: 'jpeg', size: 1000 }, 4000, 3000)).toEqual({ width: 1024, height: 768 })
    expect(redrawn({ format: 'png', size: 1000 }, 10, 20_000)).toEqual({ width: 1, height: 1024 })
  })

  it('is drawn anew at its own size when only its format or its bytes are too much', () => {
    expect(redrawn({ format: null, size: 1000 }, 300, 200)).toEqual({ width: 300, height: 200 })
    expect(redrawn({ format: 'png', size: LIMIT + 1 }, 300, 200)).toEqual({ width: 300, height: 200 })
  })

  it('is known by its first bytes', () => {
    expect(format(new Uint8Array([0xff, 0xd8, 0xff, 0xe0]))).toBe('jpeg')
    expect(format(new Uint8Array([0x89, 0x50, 0x4e, 0x47]))).toBe('png')
    expect(format(new TextEncoder().encode('RIFF'))).toBeNull()
    expect(format(new Uint8Array())).toBeNull()
  })
})

/** Pictures made for tests, by the browser's own encoder. */
import type { Page } from 'playwright-core'

/** Marks a JPEG as to be turned by the EXIF value `orientation` (1 to 8) when it is looked at. */
export function turned(jpeg: Buffer, orientation: number): Buffer {
  const tiff = Buffer.from('4d4d002a00000008' + '0001' + '0112' + '0003' + '00000001' + '00000000' + '00000000', 'hex')
  tiff.writeUInt16BE(orientation, 18)
  const body = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff])
  const marker = Buffer.from([0xff, 0xe1, 0, 0])
  marker.writeUInt16BE(body.length + 2, 2)
  return Buffer.concat([jpeg.subarray(0, 2), marker, body, jpeg.subarray(2)])
}

/**
 * Draws the picture at a path of the page's origin into `width` times `height` pixels, turned left by `quarters` of a turn
 * after that, and encodes it.
 */
export async function drawn(page: Page, path: string, shape: { width: number; height: number; quarters?: number; type: string }): Promise<Buffer> {
  const base64 = await page.evaluate(
    async ([from, { width, height, quarters = 0, type }]) => {
      const image = await createImageBitmap(await (await fetch(from)).blob())
      const across = quarters % 2 === 0
      const canvas = new OffscreenCanvas(across ? width : height, across ? height : width)
      const pen = canvas.getContext('2d')
      if (pen === null) throw new Error('no canvas')
      pen.translate(canvas.width / 2, canvas.height / 2)
      pen.rotate((-Math.PI / 2) * quarters)
      pen.drawImage(image, -width / 2, -height / 2, width, height)
      const bytes = new Uint8Array(await (await canvas.convertToBlob({ type, quality: 0.98 })).arrayBuffer())
      let text = ''
      for (const byte of bytes) text += String.fromCharCode(byte)
      return btoa(text)
    },
    [path, shape] as const,
  )
  return Buffer.from(base64, 'base64')
}

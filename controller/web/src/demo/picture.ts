/** A picture on its way: sent as it is where that can be, otherwise smaller, upright, as JPEG or PNG. */
import { Fault } from './api'

/** Longest side that is sent, in pixels. */
export const SIDE = 1024
/** Most bytes that the controller takes. */
export const LIMIT = 10 * 1024 * 1024

export type Format = 'jpeg' | 'png'

/** The format by the first bytes; names and types of files lie. */
export function format(start: Uint8Array): Format | null {
  if (start[0] === 0xff && start[1] === 0xd8 && start[2] === 0xff) return 'jpeg'
  return start[0] === 0x89 && start[1] === 0x50 && start[2] === 0x4e && start[3] === 0x47 ? 'png' : null
}

/** The size to draw it at, or null when the file goes unchanged, so that the answer is that for the file itself. */
export function redrawn(
  file: { format: Format | null; size: number },
  width: number,
  height: number,
): { width: number; height: number } | null {
  const scale = Math.min(1, SIDE / Math.max(width, height))
  if (scale === 1 && file.format !== null && file.size <= LIMIT) return null
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

/**
 * What is sent for a file that a person chose. One that this browser cannot read goes as it is: the answer says why.
 *
 * @throws Fault `too_large`, when it cannot be made smaller here.
 */
export async function prepared(file: Blob): Promise<Blob> {
  const kind = format(new Uint8Array(await file.slice(0, 4).arrayBuffer()))
  const image = await createImageBitmap(file, { imageOrientation: 'from-image' }).catch(() => null)
  if (image === null) {
    if (file.size <= LIMIT) return file
    const megabytes = (file.size / 1e6).toFixed(1)
    throw new Fault('too_large', `It has ${megabytes} MB, and this browser cannot make it smaller: it does not read it as a picture.`)
  }
  const size = redrawn({ format: kind, size: file.size }, image.width, image.height)
  const small = size === null ? file : await drawn(image, size, kind === 'png' ? 'image/png' : 'image/jpeg')
  image.close()
  return small
}

/** One still of a playing video, as it is seen. */
export async function still(video: HTMLVideoElement): Promise<Blob> {
  const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight))
  return drawn(video, { width: Math.round(video.videoWidth * scale), height: Math.round(video.videoHeight * scale) }, 'image/jpeg')
}

async function drawn(image: CanvasImageSource, { width, height }: { width: number; height: number }, type: string): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height)
  const pen = canvas.getContext('2d')
  if (pen === null) throw new Fault('internal', 'This browser has no canvas to draw the picture on.')
  pen.imageSmoothingQuality = 'high'
  pen.drawImage(image, 0, 0, width, height)
  return canvas.convertToBlob({ type, quality: 0.92 })
}

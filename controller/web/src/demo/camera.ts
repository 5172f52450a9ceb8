/** Why there is no picture of a camera. */
export type Missing = 'insecure' | 'refused' | 'absent' | 'taken' | 'broken'

/** A camera's pictures until `close` is called. */
export interface Opened {
  stream: MediaStream
  close(): void
}

/** Asks for the camera; the browser asks the person. */
export async function openCamera(): Promise<Opened | Missing> {
  // Browsers hide cameras from pages that came over a network in clear text.
  if (!window.isSecureContext || navigator.mediaDevices === undefined) return 'insecure'
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user' }, audio: false })
    return { stream, close: () => stream.getTracks().forEach((track) => track.stop()) }
  } catch (error) {
    return missing(error instanceof DOMException ? error.name : '')
  }
}

/** What the name of `getUserMedia`'s error means. */
export function missing(name: string): Missing {
  switch (name) {
    case 'NotAllowedError':
      return 'refused'
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'absent'
    case 'NotReadableError':
      return 'taken'
    default:
      return 'broken'
  }
}

/** What programs leave behind in a folder. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Every file below a folder, with its size and when it was last written; logs are among them. */
export function files(folder: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const { size, mtimeNs } = statSync(path, { bigint: true })
    found.set(path, `${size} bytes, written at ${mtimeNs}`)
  }
  return found
}

/** Paths that are new, gone or were written. */
export function changed(before: Map<string, string>, after: Map<string, string>): string[] {
  const paths = new Set([...before.keys(), ...after.keys()])
  return [...paths].filter((path) => before.get(path) !== after.get(path))
}

/** Files below a folder that hold any of these bytes. */
export function holding(folder: string, wanted: Buffer[]): string[] {
  return [...files(folder).keys()].filter((path) => {
    const content = readFileSync(path)
    return wanted.some((bytes) => content.includes(bytes))
  })
}

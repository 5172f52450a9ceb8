/** What programs leave behind in a folder. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Every file below a folder, with the hash of its content; logs are among them. */
export function files(folder: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found.set(path, createHash('sha256').update(readFileSync(path)).digest('hex'))
  }
  return found
}

/** Paths that are new, gone or of other content. */
export function changed(before: Map<string, string>, after: Map<string, string>): string[] {
  const paths = new Set([...before.keys(), ...after.keys()])
  return [...paths].filter((path) => before.get(path) !== after.get(path))
}

/** Files below a folder that hold these bytes. */
export function holding(folder: string, bytes: Buffer): string[] {
  return [...files(folder).keys()].filter((path) => readFileSync(path).includes(bytes))
}

/** Writes `licenses.txt` among the built files: what of other people's work the pages are made of, and its terms. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

import type { Plugin } from 'vite'

const APACHE = resolve(import.meta.dirname, '../../LICENSE-APACHE')
const RULE = '-'.repeat(100)

/** The folder of the package that a module belongs to, or null for our own sources and what the bundler adds. */
function home(module: string): string | null {
  if (module.startsWith('\0') || !module.includes('/node_modules/')) return null
  for (let folder = dirname(module); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    // A package may hold nameless package files, which say of what kind the modules below them are.
    if (existsSync(file) && 'version' in JSON.parse(readFileSync(file, 'utf8'))) return folder
    if (dirname(folder) === folder) throw new Error(`${module} is of no package`)
  }
}

/** The comments at the head of modules that tell who wrote them, each once. */
function headers(modules: string[]): string[] {
  const texts = modules.map((module) => {
    const code = readFileSync(module.replace(/\?.*$/, ''), 'utf8')
    return /^(?:\s*(?:\/\/[^\n]*\n|\/\*[\s\S]*?\*\/))+/.exec(code)?.[0] ?? ''
  })
  const plain = texts.filter((text) => /copyright/i.test(text)).map((text) => text.replace(/^\s*(?:\/\/|\/\*+|\*\/|\*) ?/gm, '').trim())
  return [...new Set(plain)].sort()
}

/** Whether a file says terms: one beside the package file, or one in a folder for those of others whose work is in the package. */
const isLicence = (file: string): boolean => /^(licen[cs]es\/)?(licen[cs]e|notice|copying)([.-][\w.-]*)?$/i.test(file)

/** One package: its name, version and terms, by its own files or, where it has none, by the heads of its modules. */
function section(folder: string, modules: string[]): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(isLicence).sort()
  const texts = files.length > 0 ? files.map((file) => readFileSync(join(folder, file), 'utf8').trim()) : headers(modules)
  if (texts.length === 0) throw new Error(`${name} ${version} says nowhere under which terms it may be passed on`)
  return `${RULE}\n${name} ${version}: ${license}\n${RULE}\n\n${texts.join('\n\n')}\n`
}

export function licences(): Plugin {
  return {
    name: 'sweep-licences',
    generateBundle(_, bundle) {
      const packages = new Map<string, string[]>()
      const modules = Object.values(bundle).flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []))
      for (const module of new Set(modules)) {
        const folder = home(module)
        if (folder !== null) packages.set(folder, [...(packages.get(folder) ?? []), module])
      }
      const intro = "What Sweep's web pages are made of beside its own sources, and its terms.\n"
      const sections = [...new Set([...packages].map(([folder, own]) => section(folder, own)))].sort()
      const apache = `${RULE}\nThe Apache License 2.0, where it is named above\n${RULE}\n\n${readFileSync(APACHE, 'utf8').trim()}\n`
      this.emitFile({ type: 'asset', fileName: 'licenses.txt', source: [intro, ...sections, apache].join('\n') })
    },
  }
}

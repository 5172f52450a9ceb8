/** One program of the house as a child process: its address, what it said, and its end. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { appendFileSync, existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'

/** Where the built programs lie: SWEEP_BIN, or the debug build of this checkout. */
const HOME = resolve(process.env['SWEEP_BIN'] ?? `${process.env['CARGO_TARGET_DIR'] ?? '../../target'}/debug`)

export type Name = 'sweep-sim' | 'sweep-controller' | 'sweep-agent' | 'sweep-ctl' | 'sweep-train'

export function program(name: Name): string {
  const path = `${HOME}/${name}`
  if (existsSync(path)) return path
  throw new Error(`${path} is not built: ./dev web test builds it, or cargo build -p ${name}`)
}

/** The environment without anything that would steer the programs, which are at home in `folder`; `extra` is added. */
function environment(folder: string, extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(SWEEP|XDG)_/.test(name))
  return { ...Object.fromEntries(kept), HOME: folder, TMPDIR: folder, CUDA_VISIBLE_DEVICES: '', NO_COLOR: '1', ...extra }
}

/** Runs a program to its end and gives its standard output; fails with what it said on the other. */
export async function run(name: Name, args: string[], cwd: string, extra?: Record<string, string>): Promise<string> {
  try {
    const options = { cwd, env: environment(cwd, extra), maxBuffer: 1 << 26 }
    return (await promisify(execFile)(program(name), args, options)).stdout
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    throw new Error(`${name} ${args.join(' ')} failed:\n${stderr ?? String(error)}`)
  }
}

/** A program that goes on until it is stopped. What it says is kept, also in `NAME-PID.log` of its folder. */
export class Running {
  /** Everything it wrote, both streams. */
  said = ''
  /** The file that keeps it. */
  readonly log: string
  readonly ended: Promise<number | null>
  readonly #child: ChildProcess
  readonly #first: Promise<string>

  constructor(readonly name: Name, args: string[], cwd: string, extra?: Record<string, string>) {
    this.#child = spawn(program(name), args, { cwd, env: environment(cwd, extra), stdio: ['ignore', 'pipe', 'pipe'] })
    this.ended = new Promise((done) => this.#child.once('close', (code) => done(code)))
    this.log = `${cwd}/${name}-${this.#child.pid}.log`
    const said = (piece: unknown) => {
      this.said += String(piece)
      appendFileSync(this.log, String(piece))
    }
    this.#child.stderr?.on('data', said)
    this.#first = new Promise((found, lost) => {
      let line = ''
      this.#child.stdout?.on('data', (piece) => {
        said(piece)
        line += String(piece)
        if (line.includes('\n')) found(line.slice(0, line.indexOf('\n')))
      })
      this.#child.once('error', lost)
      void this.ended.then((code) => lost(new Error(`${name} ended with ${code} before it said where it is:\n${this.said}`)))
    })
    this.#first.catch(() => undefined)
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** The first line of standard output: where it listens. */
  async address(): Promise<string> {
    return this.#first
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Asks it to end; kills it after ten seconds. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.signal('SIGCONT')
    this.signal('SIGTERM')
    const late = setTimeout(() => this.signal('SIGKILL'), 10_000)
    await this.ended
    clearTimeout(late)
  }
}

/** A program that must end by itself with success within `seconds`. */
export async function finished(running: Running, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${running.name} has not ended in ${seconds} s:\n${running.said}`)), seconds * 1000)
  })
  try {
    const code = await Promise.race([running.ended, late])
    if (code !== 0) throw new Error(`${running.name} ended with ${code}:\n${running.said}`)
  } finally {
    clearTimeout(timer)
  }
}

/** A house of real programs in a folder of its own: a controller on SQLite, made-up faces, agents, a predictor. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { finished, run, Running } from './process'
import { SHOTS } from './shot'

/** Trains in seconds on two cores; what it learns does not matter, unless it is looked at. */
const SWEEP = (epochs: number) => `
program: sweep-train
name: made-up faces
method: random
seed: 3
run_cap: 2
metric: {name: total-f1score, goal: maximize}
parameters:
  path: {value: faces}
  cache: {value: cache}
  resnet_type: {value: resnet18}
  image_size: {value: 32}
  augment: {value: none}
  epochs: {value: ${epochs}}
  batch_size: {value: 32}
  lr: {distribution: log_uniform_values, min: 0.0005, max: 0.002}
  layer1: {value: 64}
  layer2: {value: 32}
  layer3: {value: 16}
`

export class House {
  readonly #running: Running[] = []

  private constructor(
    /** Where everything of it lies: database, logs, data, what programs take for their home. */
    readonly folder: string,
    /** The controller, as `http://127.0.0.1:PORT`. */
    readonly url: string,
    public controller: Running | null,
  ) {}

  /** A house whose controller is another's, such as that of `inject('house')`. Closing it ends what was started by it. */
  static at({ url, folder }: { url: string; folder: string }): House {
    return new House(folder, url, null)
  }

  /** Starts a controller on an empty database, or one that `prepare` makes in its folder; `listen` may name another address
   *  than this machine's own. */
  static async build(more: { listen?: string; args?: string[]; prepare?: (folder: string) => Promise<void> } = {}): Promise<House> {
    const folder = mkdtempSync(join(tmpdir(), 'sweep-web-'))
    await more.prepare?.(folder)
    const args = ['--listen', more.listen ?? '127.0.0.1:0', '--db', `sqlite://${folder}/sweep.db`, ...(more.args ?? [])]
    const controller = new Running('sweep-controller', args, folder)
    return new House(folder, await controller.address(), controller)
  }

  /** Kills the controller, and starts it again at the same address after `meanwhile`. */
  async restart(meanwhile: () => Promise<void>): Promise<void> {
    this.controller?.signal('SIGKILL')
    await this.controller?.ended
    await meanwhile()
    const args = ['--listen', new URL(this.url).host, '--db', `sqlite://${this.folder}/sweep.db`]
    this.controller = new Running('sweep-controller', args, this.folder)
    await this.controller.address()
  }

  /** Starts a program that ends with the house. */
  start(...[name, args, extra]: [name: Running['name'], args: string[], extra?: Record<string, string>]): Running {
    const running = new Running(name, args, this.folder, { SWEEP_SERVER: this.url, ...extra })
    this.#running.push(running)
    return running
  }

  async ctl(...args: string[]): Promise<string> {
    return (await run('sweep-ctl', args, this.folder, { SWEEP_SERVER: this.url })).trim()
  }

  async train(...args: string[]): Promise<string> {
    return run('sweep-train', args, this.folder)
  }

  /** Writes a file into its folder. */
  keep(path: string, content: string | Buffer): void {
    const whole = join(this.folder, path)
    mkdirSync(dirname(whole), { recursive: true })
    writeFileSync(whole, content)
  }

  /** Creates a sweep of this text and gives its id. */
  async create(text: string): Promise<string> {
    this.keep('sweep.yaml', text)
    return this.ctl('create', 'sweep.yaml', '-o', 'name')
  }

  /** Runs an agent until the sweep is done. */
  async work(sweep: string, seconds = 120): Promise<void> {
    const agent = this.start('sweep-agent', [sweep, '--slots', '1', '--name', 'box', '--state-dir', 'agent'])
    await finished(agent, seconds)
  }

  /** A sweep of real trainings over made-up faces, run to its end; gives its id. */
  async trained(): Promise<string> {
    await this.train('synth', '--out', 'faces', '--count', SHOTS ? '900' : '160', '--size', '64')
    const sweep = await this.create(SWEEP(SHOTS ? 4 : 1))
    await this.work(sweep, SHOTS ? 500 : 120)
    return sweep
  }

  /** Ends everything, the newest first, and removes the folder. */
  async close(): Promise<void> {
    for (const running of this.#running.reverse()) await running.stop()
    if (this.controller === null) return
    await this.controller.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

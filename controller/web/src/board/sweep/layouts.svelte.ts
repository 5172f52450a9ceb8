/** The layouts of projects: the controller has them, so that every browser begins with the same. */
import { board, lasting, whyOf } from '../clients'
import { type Layout, parsed } from '../data/layout'
import { CURVES } from '../data/route'

/** What a person does within this time is saved together. */
const PAUSE = 400

class Layouts {
  /** Why the last change was not saved; empty: it was, or will be. */
  problem = $state('')
  readonly #held = new Map<string, Layout | undefined>()
  /** Projects whose layout was changed here and is still to be saved. */
  readonly #unsaved = new Set<string>()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor() {
    addEventListener('pagehide', () => void this.#save())
  }

  /** Asks for the layout of a sweep's project. */
  async ask(sweep: string): Promise<void> {
    const { project, layoutJson } = await board.getLayout({ of: { case: 'sweep', value: sweep } })
    // What was changed here is newer.
    if (!this.#unsaved.has(project)) this.#held.set(project, parsed(layoutJson))
  }

  of(project: string): Layout | undefined {
    return this.#held.get(project)
  }

  /** What a person changes counts here at once, and elsewhere when it is saved. */
  change(project: string, part: Partial<Layout>): void {
    this.#held.set(project, { columns: null, sorts: [], curves: CURVES, ...this.#held.get(project), ...part })
    this.#unsaved.add(project)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#save(), PAUSE)
  }

  async #save(): Promise<void> {
    clearTimeout(this.#timer)
    const projects = [...this.#unsaved]
    this.#unsaved.clear()
    try {
      await Promise.all(projects.map((project) => lasting.setLayout({ project, layoutJson: JSON.stringify(this.#held.get(project)) })))
      this.problem = ''
    } catch (error) {
      this.problem = whyOf(error)
      for (const project of projects) this.#unsaved.add(project)
    }
  }
}

export const layouts = new Layouts()

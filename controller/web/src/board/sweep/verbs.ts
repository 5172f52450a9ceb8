/** What people can do with a sweep, and what each of it does, in words and before it is done. */
import type { Sweep } from '../../wire/sweep/v1/model_pb'
import { SweepState } from '../../wire/sweep/v1/model_pb'
import { isDone } from '../data/states'

export type Verb = 'pause' | 'resume' | 'stop' | 'cancel' | 'extend' | 'retry'

export interface Effect {
  title: string
  button: string
  lines: string[]
  danger: boolean
}

const trials = (count: bigint) => (count === 1n ? '1 trial' : `${count} trials`)
const go = (count: bigint) => (count === 1n ? 'goes' : 'go')

/** Those that the sweep's state allows, in the order of the page. */
export function verbsOf(sweep: Sweep): Verb[] {
  const verbs: Verb[] = []
  const isOpen = sweep.state === SweepState.PENDING || sweep.state === SweepState.RUNNING
  if (isOpen) verbs.push('pause')
  if (sweep.state === SweepState.PAUSED) verbs.push('resume')
  if (!isDone(sweep.state)) verbs.push('stop', 'cancel')
  if ((sweep.counts?.failed ?? 0n) > 0n && sweep.state !== SweepState.CANCELLED) verbs.push('retry')
  if (sweep.plannedTrials !== undefined && sweep.state !== SweepState.CANCELLED) verbs.push('extend')
  return verbs
}

export function effectOf(verb: Verb, sweep: Sweep): Effect {
  const active = sweep.counts?.active ?? 0n
  const queued = sweep.counts?.queued ?? 0n
  const failed = sweep.counts?.failed ?? 0n
  const name = sweep.name || sweep.id
  const running = active === 0n ? 'No trial runs now.' : `${trials(active)} that run${active === 1n ? 's' : ''} now`
  switch (verb) {
    case 'pause':
      return {
        title: `Pause ${name}?`, button: 'Pause', danger: false,
        lines: [`No new trial starts. ${active === 0n ? running : `${running} ${go(active)} on to the end.`}`, 'Resume lets it go on.'],
      }
    case 'resume':
      return { title: `Resume ${name}?`, button: 'Resume', danger: false, lines: ['Agents get new trials again.'] }
    case 'stop':
      return {
        title: `Stop ${name}?`, button: 'Stop', danger: false,
        lines: [
          `No new trial starts any more. ${active === 0n ? running : `${running} ${go(active)} on to the end.`}`,
          ...(queued > 0n ? [`${trials(queued)} that nobody has begun ${queued === 1n ? 'is' : 'are'} withdrawn.`] : []),
        ],
      }
    case 'cancel':
      return {
        title: `Cancel ${name}?`, button: active > 0n ? `Cancel and kill ${active}` : 'Cancel', danger: true,
        lines: [
          active === 0n ? 'No new trial starts any more. No trial runs now.' : `${running} ${active === 1n ? 'is' : 'are'} killed at once, and no new trial starts any more.`,
          'This cannot be taken back. Stop would let running trials finish.',
        ],
      }
    case 'extend':
      return {
        title: `More trials for ${name}`, button: 'Extend', danger: false,
        lines: [`It may have ${trials(sweep.plannedTrials ?? 0n)} now.${isDone(sweep.state) ? ' It is opened again.' : ''}`],
      }
    case 'retry':
      return {
        title: `Retry what failed in ${name}?`, button: `Retry ${failed}`, danger: false,
        lines: [
          `${trials(failed)} that failed ${failed === 1n ? 'is' : 'are'} queued again with the same parameters and fresh budgets.${isDone(sweep.state) ? ' The sweep is opened again.' : ''}`,
          'On the same machine the same parameters may fail the same way again.',
        ],
      }
  }
}

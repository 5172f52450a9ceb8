/** The states of trials and sweeps as people see them: a word and a sign, never a colour alone. */
import { SweepState, TrialState } from '../../wire/sweep/v1/model_pb'

export interface Look {
  word: string
  sign: string
  /** Name of the colour in the theme. */
  colour: 'good' | 'accent' | 'warn' | 'bad' | 'ink-soft'
}

const TRIAL: Record<TrialState, Look> = {
  [TrialState.UNSPECIFIED]: { word: 'unknown', sign: '?', colour: 'ink-soft' },
  [TrialState.QUEUED]: { word: 'queued', sign: '○', colour: 'ink-soft' },
  [TrialState.LEASED]: { word: 'starting', sign: '◔', colour: 'accent' },
  [TrialState.RUNNING]: { word: 'running', sign: '▶', colour: 'accent' },
  [TrialState.PAUSED]: { word: 'held', sign: '‖', colour: 'warn' },
  [TrialState.FINISHED]: { word: 'finished', sign: '✓', colour: 'good' },
  [TrialState.STOPPED_EARLY]: { word: 'stopped early', sign: '◼', colour: 'warn' },
  [TrialState.FAILED]: { word: 'failed', sign: '✕', colour: 'bad' },
  [TrialState.CANCELLED]: { word: 'cancelled', sign: '⊘', colour: 'ink-soft' },
}

const SWEEP: Record<SweepState, Look> = {
  [SweepState.UNSPECIFIED]: { word: 'unknown', sign: '?', colour: 'ink-soft' },
  [SweepState.PENDING]: { word: 'waiting', sign: '○', colour: 'ink-soft' },
  [SweepState.RUNNING]: { word: 'running', sign: '▶', colour: 'accent' },
  [SweepState.PAUSED]: { word: 'paused', sign: '‖', colour: 'warn' },
  [SweepState.FINISHED]: { word: 'finished', sign: '✓', colour: 'good' },
  [SweepState.CANCELLED]: { word: 'cancelled', sign: '⊘', colour: 'ink-soft' },
}

/** What a person asks of a trial in this state. */
export function stateQuestion(state: TrialState): string {
  switch (state) {
    case TrialState.FINISHED:
      return 'How it ended'
    case TrialState.STOPPED_EARLY:
      return 'Why it was stopped'
    case TrialState.FAILED:
      return 'Why it failed'
    case TrialState.CANCELLED:
      return 'Why it was cancelled'
    case TrialState.QUEUED:
    case TrialState.PAUSED:
      return 'What it waits for'
    default:
      return 'What it does'
  }
}

export const trialLook = (state: TrialState): Look => TRIAL[state] ?? TRIAL[0]
export const sweepLook = (state: SweepState): Look => SWEEP[state] ?? SWEEP[0]

/** How attempts end, by the controller's words; empty: it runs. */
const ENDS: Record<string, Look> = {
  '': { word: 'running', sign: '▶', colour: 'accent' },
  succeeded: { word: 'succeeded', sign: '✓', colour: 'good' },
  failed: { word: 'failed', sign: '✕', colour: 'bad' },
  stopped: { word: 'stopped', sign: '◼', colour: 'warn' },
  cancelled: { word: 'cancelled', sign: '⊘', colour: 'ink-soft' },
  'handed back': { word: 'handed back', sign: '↩', colour: 'ink-soft' },
  'machine fault': { word: 'machine fault', sign: '!', colour: 'bad' },
  lost: { word: 'lost', sign: '?', colour: 'bad' },
}

export const attemptLook = (end: string): Look => ENDS[end] ?? { word: end, sign: '?', colour: 'ink-soft' }

/** In the order of the filter's chips. */
export const TRIAL_STATES = [
  TrialState.RUNNING, TrialState.LEASED, TrialState.QUEUED, TrialState.PAUSED,
  TrialState.FINISHED, TrialState.STOPPED_EARLY, TrialState.FAILED, TrialState.CANCELLED,
]

/** Whether a trial is over. */
export const isOver = (state: TrialState): boolean => state >= TrialState.FINISHED
/** Whether an agent has it. */
export const isActive = (state: TrialState): boolean => state === TrialState.LEASED || state === TrialState.RUNNING
/** Whether a sweep takes no verbs but extend and retry. */
export const isDone = (state: SweepState): boolean => state === SweepState.FINISHED || state === SweepState.CANCELLED

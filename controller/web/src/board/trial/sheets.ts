/** What the side panels of a trial's page hold, in rows to take away. Times are ISO 8601, sizes bytes, stretches seconds. */
import type { Trial } from '../../wire/sweep/v1/model_pb'
import type { GetTrialResponse } from '../../wire/sweep/v1/sweep_pb'
import type { Sheet } from '../data/save'

const moment = (ms: bigint) => (ms > 0n ? new Date(Number(ms)).toISOString() : '')

export const parameters = (rows: [string, string][]): Sheet => ({ head: ['parameter', 'value'], rows })

export const metrics = (trial: Trial): Sheet => ({
  head: ['metric', 'min', 'max', 'last', 'not_finite'],
  rows: trial.metrics.map((metric) => [metric.name, metric.min ?? NaN, metric.max ?? NaN, metric.last ?? NaN, Number(metric.nonFinite)]),
})

export const attempts = (attempts: GetTrialResponse['attempts']): Sheet => ({
  head: ['attempt', 'agent', 'claimed_at', 'ended_at', 'ended'],
  rows: attempts.map((one) => [one.number, one.agent, moment(one.claimedAtMs), moment(one.endedAtMs), one.ended]),
})

/** A row for each file; a checkpoint of which none is known is a row without one. */
export const files = (checkpoints: GetTrialResponse['checkpoints']): Sheet => ({
  head: ['step', 'path', 'to_resume', 'stored', 'file', 'bytes'],
  rows: checkpoints.flatMap(({ step, path, resume, stored, files }) => {
    const head = [Number(step), path, String(resume), String(stored)]
    return files.length > 0 ? files.map((file) => [...head, file.name, Number(file.size)]) : [[...head, '', NaN]]
  }),
})

export function environment(facts: NonNullable<Trial['facts']>): Sheet {
  const { command, host, devices, workingDirectory, gitCommit, gitDirty, versions } = facts
  const rows = { command: command.join(' '), host, devices: devices.join(' '), folder: workingDirectory, commit: gitCommit, changed: gitCommit ? String(gitDirty) : '', ...versions }
  return { head: ['what', 'value'], rows: Object.entries(rows) }
}

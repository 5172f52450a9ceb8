/** The controller's services by gRPC-web, on the page's own origin. */
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcWebTransport } from '@connectrpc/connect-web'

import { CurveAxis, DashboardService } from '../wire/sweep/v1/dashboard_pb'
import { ModelService } from '../wire/sweep/v1/predict_pb'
import { SweepService } from '../wire/sweep/v1/sweep_pb'

const transport = createGrpcWebTransport({ baseUrl: location.origin })

export const board = createClient(DashboardService, transport)
/** For what is to arrive though the page is left meanwhile. */
export const lasting = createClient(
  DashboardService,
  createGrpcWebTransport({ baseUrl: location.origin, fetch: (input, init) => fetch(input, { ...init, keepalive: true }) }),
)
export const models = createClient(ModelService, transport)
export const sweeps = createClient(SweepService, transport)

export const AXES = { step: CurveAxis.STEP, epoch: CurveAxis.EPOCH, seconds: CurveAxis.SECONDS }

/** The stretch of an axis that curves are asked for; null: all of it. */
export const windowOf = (zoom: [number, number] | null): { from?: number; until?: number } => (zoom ? { from: zoom[0], until: zoom[1] } : {})

/** What went wrong, in the controller's words. */
export function whyOf(error: unknown): string {
  if (error instanceof ConnectError) {
    return error.rawMessage === 'Failed to fetch' ? 'The controller cannot be reached.' : error.rawMessage
  }
  return error instanceof Error ? error.message : String(error)
}

/** What the controller answers on purpose: to ask the same again brings the same. */
const FINAL = new Set([Code.InvalidArgument, Code.NotFound, Code.AlreadyExists, Code.PermissionDenied, Code.FailedPrecondition, Code.OutOfRange, Code.Unimplemented, Code.Unauthenticated])

/** Whether the same question may be answered later: nobody was there, or had too much to do. */
export function mayPass(error: unknown): boolean {
  return error instanceof ConnectError && !FINAL.has(error.code)
}

/** The controller's services by gRPC-web, on the page's own origin. */
import { ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcWebTransport } from '@connectrpc/connect-web'

import { DashboardService } from '../wire/sweep/v1/dashboard_pb'
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

/** What went wrong, in the controller's words. */
export function whyOf(error: unknown): string {
  if (error instanceof ConnectError) {
    return error.rawMessage === 'Failed to fetch' ? 'The controller cannot be reached.' : error.rawMessage
  }
  return error instanceof Error ? error.message : String(error)
}

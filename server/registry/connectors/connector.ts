import type { ConnectorSettings } from '../../domain/connector.ts'
import { RegistryError } from '../../domain/errors.ts'
import { UpstreamError } from '../../upstream/upstream-error.ts'

interface Common {
  readonly id: number
  readonly name: string
  readonly key: string
  readonly enabled: boolean
  /** Another one after each change. */
  readonly version: number
}

/** A registry whose images appear inside feeds: somewhere else, or another feed of this server. */
export type Connector = Common &
  (
    | {
        readonly kind: 'registry'
        readonly settings: ConnectorSettings
        readonly hasPassword: boolean
      }
    | { readonly kind: 'feed'; readonly feedId: number }
  )

/** What a client hears of a connector that failed: never as if there were no such image. */
export function refusalOf(error: unknown, connector: { readonly name: string }): unknown {
  if (!(error instanceof UpstreamError)) return error
  const { fault, message, retryAfterMs } = error
  const seconds = Math.ceil((retryAfterMs ?? 0) / 1000)
  const headers = seconds > 0 ? { headers: { 'retry-after': String(seconds) } } : {}
  return new RegistryError(
    fault === 'limited' ? 'TOOMANYREQUESTS' : 'UPSTREAM_FAILED',
    `The connector ${connector.name} failed: ${message}`,
    { ...headers, detail: { connector: connector.name, fault }, cause: error },
  )
}

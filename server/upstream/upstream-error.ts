/**
 * What went wrong between this server and another registry.
 *
 * `unknown`: it has no such thing (404). `denied`: it knows who calls, and refuses this (401 or 403
 * with a good token; many say so of what is not there). `unauthorized`: the credentials are wrong or
 * missing. `limited`: too many requests (429). `unavailable`: it cannot be reached, does not answer
 * in time or fails (5xx). `malformed`: what it answers is no registry's answer, or not what was asked.
 */
export type UpstreamFault =
  | 'unknown'
  | 'denied'
  | 'unauthorized'
  | 'limited'
  | 'unavailable'
  | 'malformed'

/** Where a request failed, for people who look for the cause. */
export type UpstreamStep = 'address' | 'dns' | 'connect' | 'tls' | 'timeout' | 'token' | 'answer'

export interface UpstreamErrorOptions {
  readonly step?: UpstreamStep
  /** How long to wait before asking again, if the registry said so. */
  readonly retryAfterMs?: number | null
  /** The code that the registry gave (OCI distribution-spec, "Error Codes"). */
  readonly said?: string | null
  readonly cause?: unknown
}

/** A request to another registry that did not give what was asked for. */
export class UpstreamError extends Error {
  override name = 'UpstreamError'
  readonly fault: UpstreamFault
  readonly step: UpstreamStep
  readonly retryAfterMs: number | null
  readonly said: string | null

  constructor(fault: UpstreamFault, message: string, options: UpstreamErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.fault = fault
    this.step = options.step ?? 'answer'
    this.retryAfterMs = options.retryAfterMs ?? null
    this.said = options.said ?? null
  }
}

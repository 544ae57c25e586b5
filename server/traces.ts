import type { IncomingHttpHeaders } from 'node:http'
import type { TraceConfig } from './config/traces.ts'
import type { Log } from './log.ts'

export type Facts = Readonly<Record<string, string | number | boolean>>

/** A piece of work, as a trace names it. */
export interface NewSpan {
  readonly name: string
  readonly attributes?: Facts
}

/** A request to another server that has ended. */
export interface PastSpan extends NewSpan {
  readonly seconds: number
  readonly isError: boolean
}

/** What log lines carry, so that they are found from a trace. */
export interface TraceIds {
  readonly trace_id: string
  readonly span_id: string
}

export interface NewRequest {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** Asked only if the request is recorded. */
  describe(): Facts
}

export interface EndedRequest {
  /** A pattern, never a path that a client chose; absent: it has none. */
  readonly route?: string
  /** Null: the client left before there was an answer. */
  readonly status: number | null
  /** Asked only if the request is recorded. */
  describe(): Facts
}

export interface RequestSpan {
  /** What runs within belongs to the request, and so does what it begins. */
  within<T>(run: () => T): T
  end(request: EndedRequest): void
}

/**
 * The traces of one process. A span is begun below the one that is current where it is asked for;
 * what goes on after its request has ended has none.
 */
export interface Traces extends AsyncDisposable {
  /** Of the current span; undefined outside of one. */
  ids(): TraceIds | undefined
  /** The span of a request, below the one that the client's `traceparent` names. */
  beginRequest(request: NewRequest): RequestSpan
  /** A span of its own, below nothing. */
  root<T>(span: NewSpan, work: () => Promise<T>): Promise<T>
  /** A span below the current one; without one, or when that is not recorded, there is only the work. */
  child<T>(span: NewSpan, work: () => Promise<T>): Promise<T>
  /** What another server was asked, below the current span. */
  past(span: PastSpan): void
  /** Adds to the current span. */
  note(attributes: Facts): void
}

/** Null when they are off: nothing is loaded then. */
export async function openTraces(of: {
  readonly traces: TraceConfig
  readonly log: Log
  readonly version: string
}): Promise<Traces | null> {
  for (const reason of of.traces.ignored) of.log.warn({ reason }, 'A setting of traces is ignored')
  const { url } = of.traces
  if (url === null) return null
  const { SdkTraces } = await import('./traces/sdk-traces.ts')
  return new SdkTraces({ ...of, url })
}

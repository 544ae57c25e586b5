import type { RequestHeaders } from '../support/wire.ts'

/**
 * One request, the same for both registries. `$repo` stands for the scenario's own repository,
 * `$location` for the last Location heard (`$location?x=1` adds to its query), and a name given
 * by `keep` for the Location kept under it.
 */
export interface Step {
  /** `GET /v2/$repo/tags/list`. */
  readonly request: string
  readonly headers?: RequestHeaders
  readonly body?: Uint8Array | string
  readonly chunked?: boolean
  /** Keeps the answer's Location under this name: `keep: 'first'`, later `PATCH $first`. */
  readonly keep?: string
  /** Rows of `docs/differences-from-distribution.md` that this request shows. */
  readonly shows?: readonly string[]
}

/** Requests that follow one another, in a repository of their own. */
export interface Scenario {
  readonly name: string
  readonly steps: readonly Step[]
}

export type StepOptions = Omit<Step, 'request'>

export function step(request: string, options: StepOptions = {}): Step {
  return { request, ...options }
}

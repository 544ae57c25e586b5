import { RegistryError } from '../../domain/errors.ts'
import type { Log } from '../../log.ts'
import { createGate, type Gate, type Waiter } from '../gate.ts'

export interface AskedDirectory {
  readonly id: number
  readonly name: string
}

/** Keeps a directory that is down or slow from costing more than itself. */
export interface Outages {
  /**
   * Does the work, with no more than 16 at once for a directory. After a failure nobody asks again
   * for `quietMs`. Throws UNAVAILABLE, which says no more than that the directory cannot be reached:
   * the log says why, once a minute; TOOMANYREQUESTS when too many wait. Other refusals pass.
   */
  guard<T>(directory: AskedDirectory, request: Request, work: () => Promise<T>): Promise<T>
}

interface Request {
  /** Logins are made by anybody: how they end says nothing to who asks about a known user. */
  readonly purpose: 'login' | 'confirmation'
  readonly quietMs: number
  /** On whose behalf. */
  readonly waiter?: Waiter | undefined
}

interface State {
  readonly gate: Gate
  failedAt: number
  loggedAt: number
}

const logEveryMs = 60_000

export function openOutages({
  log,
  monotonicMs,
}: {
  log: Log
  monotonicMs: () => number
}): Outages {
  const states = new Map<string, State>()
  const stateOf = (id: string) => {
    const never = Number.NEGATIVE_INFINITY
    const known = states.get(id) ?? {
      gate: createGate({ maxConcurrent: 16, maxQueued: 256, retryAfterSeconds: 5 }),
      ...{ failedAt: never, loggedAt: never },
    }
    states.set(id, known)
    return known
  }
  const failed = (state: State, { name }: AskedDirectory, error: unknown) => {
    const now = monotonicMs()
    state.failedAt = now
    if (now - state.loggedAt >= logEveryMs) {
      state.loggedAt = now
      log.warn({ directory: name, err: error }, 'a directory cannot be asked')
    }
    return unreachable(name, error)
  }
  return {
    async guard(directory, { purpose, quietMs, waiter }, work) {
      const state = stateOf(`${purpose} ${directory.id}`)
      const refuseWhileQuiet = () => {
        if (monotonicMs() - state.failedAt < quietMs) throw unreachable(directory.name)
      }
      refuseWhileQuiet()
      return await state.gate(async () => {
        refuseWhileQuiet()
        try {
          const result = await work()
          state.failedAt = Number.NEGATIVE_INFINITY
          return result
        } catch (error) {
          const isRefusal =
            error instanceof RegistryError && !/^(?:UNAVAILABLE|INTERNAL)$/.test(error.code)
          throw isRefusal ? error : failed(state, directory, error)
        }
      }, waiter)
    },
  }
}

function unreachable(name: string, cause?: unknown): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `The directory "${name}" cannot be reached; try again later.`,
    { cause },
  )
}

import { RegistryError } from '../domain/errors.ts'

/** Something that must work for the server to be healthy. */
export interface PartCheck {
  readonly name: 'database' | 'storage'
  /** Throws, saying why, when it does not work. */
  check(): Promise<void>
}

export interface PartFailure {
  /** In words for everybody. */
  readonly reason: string
  readonly cause: unknown
}

/** Why it fails, also when it does not answer in time; undefined when it does not fail. */
export async function findFailure(
  run: () => Promise<void>,
  timeoutSeconds = 5,
): Promise<PartFailure | undefined> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<PartFailure>((resolve) => {
    const reason = `No answer within ${timeoutSeconds} seconds.`
    timer = setTimeout(() => resolve({ reason, cause: null }), timeoutSeconds * 1000)
  })
  try {
    return await Promise.race([run().then(() => undefined), timeout])
  } catch (cause) {
    // Only our own words are for everybody; what a driver says may name hosts and users.
    const known = cause instanceof RegistryError
    return { reason: known ? cause.message : 'It failed; the log says why.', cause }
  } finally {
    clearTimeout(timer)
  }
}

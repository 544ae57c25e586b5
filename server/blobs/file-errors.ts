import { RegistryError } from '../domain/errors.ts'

/**
 * What a file system's error means to a caller: STORAGE_FULL when there is no room, UNAVAILABLE for
 * every other error of the operating system. The path stays in `cause`. Other errors are not ours.
 */
export function storageError(error: unknown): unknown {
  if (error instanceof RegistryError) {
    return error
  }
  const code = systemCode(error)
  if (code === undefined) {
    return error
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new RegistryError(
      'STORAGE_FULL',
      `The blob store has no room left (${code}). Free some space or enlarge it, then push again.`,
      { cause: error },
    )
  }
  return new RegistryError('UNAVAILABLE', `The blob store cannot be used now (${code}).`, {
    cause: error,
  })
}

/** Runs `work`; errors of the file system come out as `storageError` has them. */
export async function atStore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storageError(error)
  }
}

/** The result of `work`, or undefined when there is no such file or folder. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return undefined
    }
    throw error
  }
}

/** `ENOENT` and its like, if it is an error of the operating system. */
export function systemCode(error: unknown): string | undefined {
  const isSystem = error instanceof Error && 'syscall' in error && 'code' in error
  return isSystem && typeof error.code === 'string' ? error.code : undefined
}

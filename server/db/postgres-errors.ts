import pg from 'pg'
import { RegistryError } from '../domain/errors.ts'

/**
 * An error of PostgreSQL or of the connection to it as the server's own, with `cause`; any other
 * error as it is. Deadlocks are left alone: the write is run again.
 */
export function translatePostgresError(error: unknown): unknown {
  if (error instanceof pg.DatabaseError) {
    return translateSqlState(error)
  }
  return isConnectionError(error) ? unreachable(error) : error
}

/** Whether the connection that met it cannot be used again. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) {
    return false
  }
  const code = 'code' in error ? String(error.code) : ''
  return /^E[A-Z_]+$/.test(code) && !code.startsWith('ERR_')
    ? true
    : connectionMessages.test(error.message)
}

/** pg gives these no code. */
const connectionMessages =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout exceeded when trying to connect|timeout expired|Cannot use a pool after calling end|The server does not support SSL)/

/** 40P01 deadlock, 40001 serialization failure: nothing was done, so it may be done again. */
export function isDeadlock(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '40P01' || error.code === '40001')
}

function unreachable(cause: unknown): RegistryError {
  return new RegistryError('UNAVAILABLE', 'The database cannot be reached; try again later.', {
    cause,
  })
}

/** postgresql.org/docs/current/errcodes-appendix.html */
function translateSqlState(error: pg.DatabaseError): unknown {
  const code = error.code ?? ''
  if (code === '23505' || code === '23503') {
    return new RegistryError('CONFLICT', undefined, { cause: error })
  }
  if (code === '53100') {
    return new RegistryError('STORAGE_FULL', undefined, { cause: error })
  }
  if (code === '57014' || code === '55P03' || code === '25P03' || code === '25P04') {
    return new RegistryError('UNAVAILABLE', 'The database took too long; try again later.', {
      cause: error,
    })
  }
  if (code === '25006') {
    return new RegistryError('UNAVAILABLE', 'The database is read-only.', { cause: error })
  }
  // Connection exceptions, authorization, no such database, resources, operator intervention,
  // system errors, corruption.
  return /^(08|28|3D|53|57P|58|XX00[12])/.test(code) ? unreachable(error) : error
}

import type { PostgresCursor, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import type pg from 'pg'
import { RegistryError } from '../domain/errors.ts'
import { checkParameters } from './parameters.ts'
import { isConnectionError, translatePostgresError } from './postgres-errors.ts'

/**
 * A pooled connection while somebody has it. Translates errors, ends transactions that run too
 * long (PostgreSQL 15 limits statements and pauses only), and gives broken connections up.
 */
export class LentClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient
  readonly #transactionLimitMilliseconds: number
  #isBroken = false
  #deadline = Number.POSITIVE_INFINITY

  constructor(client: pg.PoolClient, transactionLimitMilliseconds: number) {
    this.#client = client
    this.#transactionLimitMilliseconds = transactionLimitMilliseconds
  }

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
  query<R>(
    sql: string | PostgresCursor<R>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof sql !== 'string') {
      throw new Error('Cursors are not used: read in pages instead.')
    }
    return this.#run<R>(sql, parameters)
  }

  release(): void {
    this.#client.release(this.#isBroken)
  }

  async #run<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    checkParameters(parameters)
    this.#watch(sql)
    try {
      const { command, rowCount, rows } = await this.#client.query(sql, [...parameters])
      return { command, rowCount: rowCount ?? 0, rows } as PostgresQueryResult<R>
    } catch (error) {
      this.#isBroken ||= isConnectionError(error) || sql === 'rollback'
      throw translatePostgresError(error)
    }
  }

  /** The limit counts from the first statement; `rollback` is always let through. */
  #watch(sql: string): void {
    if (sql === 'begin' || sql.startsWith('start transaction')) {
      this.#deadline = performance.now() + this.#transactionLimitMilliseconds
    } else if (sql === 'rollback') {
      this.#deadline = Number.POSITIVE_INFINITY
    } else if (performance.now() > this.#deadline) {
      throw new RegistryError('UNAVAILABLE', 'The database took too long; try again later.')
    } else if (sql === 'commit') {
      this.#deadline = Number.POSITIVE_INFINITY
    }
  }
}

import type { Migration } from 'kysely'
import { core } from './001-core.ts'

/** Every migration by name, in order. A released one is never changed. */
export function migrations(dialect: 'sqlite' | 'postgres'): Record<string, Migration> {
  return { '001-core': core(dialect) }
}

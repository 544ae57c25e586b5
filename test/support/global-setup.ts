import type { TestProject } from 'vitest/node'
import { findPostgres, startPostgres } from './postgres.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A superuser's URL of the run's own PostgreSQL; empty when it is not installed. */
    postgresUrl: string
    /** Why it is empty. */
    postgresMissing: string
  }
}

/** Starts what all test files share, and returns what stops it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = findPostgres()
  project.provide('postgresMissing', postgres.reason)
  if (postgres.skip) {
    project.provide('postgresUrl', '')
    return async () => {}
  }
  const server = await startPostgres(postgres)
  project.provide('postgresUrl', server.url)
  return async () => server[Symbol.asyncDispose]()
}

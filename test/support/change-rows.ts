import { DatabaseSync } from '@photostructure/sqlite'
import type { TestServer } from './server.ts'

/** Changes rows of a running server on SQLite: what would otherwise take its time, such as growing old. */
export function changeRows({ config }: Pick<TestServer, 'config'>, statement: string): void {
  const db = new DatabaseSync(config.databaseUrl.replace('sqlite:', ''))
  db.exec('pragma busy_timeout = 10000')
  db.exec(statement)
  db.close()
}

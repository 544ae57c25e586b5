import type { Queries } from './database.ts'

/** The name of each directory, by id: there are few. */
export async function listDirectoryNames(db: Queries): Promise<ReadonlyMap<number, string>> {
  const rows = await db.selectFrom('directories').select(['id', 'name']).execute()
  return new Map(rows.map(({ id, name }) => [id, name]))
}

import { openDatabase } from '../../server/db/database.ts'
import type { SnapshotInfo } from '../../server/registry/backup/snapshots.ts'
import type { TestServer } from '../support/server.ts'

/** Of a snapshot that comes to nothing. */
export const someInfo: SnapshotInfo = {
  ...{ kind: 'entrepot snapshot', version: 1, program: '0', migration: '', files: [] },
  ...{ startedAt: '', endedAt: '', secretKey: 'file', missing: [] },
  database: { sha256: '', sizeBytes: 1 },
  content: { feeds: 1, images: 1, tags: 1, blobs: 3, bytes: 1 },
}

export async function copyDatabase({ config }: TestServer, file: string): Promise<void> {
  await using db = await openDatabase({ url: config.databaseUrl })
  await db.copyTo(file)
}

/** As a snapshot has them beside it. */
export function linesOf(digests: readonly string[]): string {
  return digests.map((digest) => `${digest}\n`).join('')
}

export async function eightAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>) {
  const left = [...items]
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) await work(next)
    }),
  )
}

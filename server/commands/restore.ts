import path from 'node:path'
import { bucketSettings, incomplete, placeOf } from './backup.ts'
import { type Command, isOn, json, textOf, usageError } from './command.ts'
import { formatBytes, runReport } from './run-report.ts'

export const restoreCommand: Command = {
  words: 'restore',
  operands: [],
  summary: 'Restore a backup into an empty data folder.',
  options: {
    from: {
      type: 'string',
      sample: 'FOLDER|s3://BUCKET/PREFIX',
      help: 'The folder or bucket that backup --to was given.',
    },
    to: {
      type: 'string',
      sample: 'FOLDER',
      help: 'The data folder; without it, that of data-dir.',
    },
    snapshot: { type: 'string', sample: 'NAME', help: 'Which one; without it, the last.' },
    json,
  },
  settings: ['data-dir', 'database-url', ...bucketSettings],
  read: (typed) => {
    const from = placeOf(typed, 'from')
    if (from === undefined) {
      throw usageError('Say where from: --from FOLDER, or --from s3://BUCKET/PREFIX.')
    }
    const to = textOf(typed, 'to')
    const snapshot = textOf(typed, 'snapshot') ?? null
    return async (config, terminal) => {
      const { restoreNow } = await import('../administration/backup.ts')
      using report = runReport(terminal)
      const place = to === undefined ? config : placeAt(path.resolve(to))
      const result = await restoreNow({ ...config, ...place }, { from, snapshot, report })
      const { missing } = result
      terminal.print(
        isOn(typed, 'json')
          ? JSON.stringify({ ...result, snapshot: result.snapshot.name }, null, 2)
          : formatRestored(result, place.dataDir),
      )
      if (missing.length > 0) throw incomplete('The restored server lacks', missing.length)
    }
  },
}

function placeAt(dataDir: string) {
  return { dataDir, databaseUrl: `sqlite:${path.join(dataDir, 'entrepot.db')}` }
}

interface Restored {
  readonly snapshot: {
    readonly name: string
    readonly info: { readonly endedAt: string; readonly secretKey: 'file' | 'setting' }
  }
  readonly content: { readonly images: number; readonly blobs: number; readonly bytes: number }
  readonly restored: { readonly blobs: number; readonly bytes: number }
  readonly missing: readonly unknown[]
}

function formatRestored({ snapshot, content, restored, missing }: Restored, dataDir: string) {
  return [
    `Restored ${snapshot.name} into ${dataDir}`,
    `${content.images} images; ${restored.blobs} of ${content.blobs} blobs, ${formatBytes(restored.bytes)}, each hashed; ${missing.length} missing`,
    ...(snapshot.info.secretKey === 'setting'
      ? ['Its secret key was configured and is not in the backup: start it with the same one.']
      : []),
    `Start it with: entrepot serve --data-dir ${dataDir}`,
  ].join('\n')
}

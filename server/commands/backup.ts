import type { BackupSummary } from '../administration/backup.ts'
import { parseBackupTarget, parseSize } from '../config/parsers.ts'
import type { SettingName } from '../config/settings.ts'
import { RegistryError } from '../domain/errors.ts'
import { formatColumns } from './columns.ts'
import { type Command, countOf, isOn, json, type Typed, textOf, usageError } from './command.ts'
import { formatBytes, runReport } from './run-report.ts'

const settings: readonly SettingName[] = ['data-dir', 'database-url', 'secret-key']

/** How a bucket is spoken to. */
export const bucketSettings: readonly SettingName[] = [
  ...(['backup-s3-region', 'backup-s3-endpoint', 'backup-s3-path-style'] as const),
  ...(['backup-s3-access-key', 'backup-s3-secret-access-key'] as const),
]

const backup: Command = {
  words: 'backup',
  operands: [],
  summary: 'Back the server up into a folder or a bucket, while it runs.',
  options: {
    to: {
      type: 'string',
      sample: 'FOLDER|s3://BUCKET/PREFIX',
      help: 'Where to: a folder of its own, elsewhere, or a prefix of its own in a bucket.',
    },
    keep: {
      type: 'string',
      sample: 'N',
      help: 'Keep the last N whole snapshots; without it, all.',
    },
    rate: { type: 'string', sample: 'SIZE', help: 'Copy at most so much a second: 50MB.' },
    json,
  },
  settings: [...settings, ...bucketSettings],
  read: (typed) => {
    const to = placeOf(typed, 'to')
    if (to === undefined) throw usageError('Say where to: --to FOLDER, or --to s3://BUCKET/PREFIX.')
    const keepText = textOf(typed, 'keep')
    const keep = keepText === undefined ? null : countOf('--keep', keepText)
    const bytesPerSecond = rateOf(textOf(typed, 'rate'))
    return async (config, terminal) => {
      const { backUpNow } = await import('../administration/backup.ts')
      using report = runReport(terminal)
      const order = { to, keep, bytesPerSecond, report }
      const { missing, ...done } = await backUpNow(config, order)
      terminal.print(
        isOn(typed, 'json')
          ? JSON.stringify({ ...done, missing }, null, 2)
          : formatDone(done, missing.length),
      )
      if (missing.length > 0) throw incomplete('The backup lacks', missing.length)
    }
  },
}

/** Where backups are. Throws REQUEST_INVALID for what is neither a folder nor a bucket. */
export function placeOf(typed: Typed, name: string): string | undefined {
  const text = textOf(typed, name)
  if (text === undefined) return undefined
  try {
    return parseBackupTarget(text, process.cwd())
  } catch (error) {
    throw usageError(`--${name} "${text}" ${(error as Error).message}.`)
  }
}

export function rateOf(text: string | undefined): number {
  if (text === undefined) return 0
  try {
    return parseSize(text)
  } catch (error) {
    throw usageError(`--rate "${text}" ${(error as Error).message}`)
  }
}

/** The exit status of what is not whole is that of a failure. */
export function incomplete(what: string, blobs: number): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `${what} ${blobs === 1 ? 'a blob, which is' : `${blobs} blobs, which are`} named above; all the rest is there. Pushing the images again mends them.`,
  )
}

function formatDone(
  done: {
    readonly snapshot: string
    readonly content: { readonly images: number; readonly blobs: number; readonly bytes: number }
    readonly copied: number
    readonly bytesCopied: number
    readonly alreadyThere: number
  },
  missing: number,
): string {
  const { images, blobs, bytes } = done.content
  return [
    `Backed up to ${done.snapshot}`,
    `${images} images, ${blobs} blobs (${formatBytes(bytes)}); ${missing} missing`,
    `${done.copied} copied (${formatBytes(done.bytesCopied)}), ${done.alreadyThere} were there`,
  ].join('\n')
}

const list: Command = {
  words: 'backup list',
  operands: [],
  summary: 'List the backups that were made, the newest first.',
  options: { json },
  settings,
  read: (typed) => async (config, terminal) => {
    const { listBackupsNow } = await import('../administration/backup.ts')
    const all = await listBackupsNow(config)
    terminal.print(isOn(typed, 'json') ? JSON.stringify(all, null, 2) : formatList(all))
  },
}

function formatList(all: readonly BackupSummary[]): string {
  return formatColumns(
    ['ID', 'STATE', 'BEGAN', 'ENDED', 'WHERE', 'ERROR'],
    all.map(({ id, state, startedAt, endedAt, kind, target, error }) => [
      ...[String(id), state, startedAt, endedAt ?? ''],
      ...[kind === 'hold' ? `hold ${target}` : target, error ?? ''],
    ]),
  )
}

const hold: Command = {
  words: 'backup hold',
  operands: [],
  summary: 'Keep clean-up from what another program copies.',
  options: { hours: { type: 'string', sample: 'N', help: 'For how long at most.' } },
  settings,
  read: (typed) => {
    const hours = countOf('--hours', textOf(typed, 'hours') ?? '24')
    return async (config, terminal) => {
      const { holdNow } = await import('../administration/backup.ts')
      terminal.print(String((await holdNow(config, hours)).id))
    }
  },
}

const release: Command = {
  words: 'backup release',
  operands: ['ID'],
  summary: 'End a hold.',
  options: {},
  settings,
  read: (typed) => {
    const id = countOf('ID', typed.operands[0] ?? '')
    return async (config, terminal) => {
      const { releaseNow } = await import('../administration/backup.ts')
      await releaseNow(config, id)
      terminal.print(`The hold ${id} has ended.`)
    }
  },
}

/** `backup` alone is the last: its word begins the others. */
export const backupCommands: readonly Command[] = [list, hold, release, backup]

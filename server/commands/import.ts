import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { ImportCommand } from '../administration/import.ts'
import type { CommandVariable } from '../config/sources.ts'
import { readCommandPassword } from '../config.ts'
import { RegistryError } from '../domain/errors.ts'
import { rateOf } from './backup.ts'
import {
  type Command,
  countOf,
  isOn,
  json,
  type Option,
  type Typed,
  textOf,
  textsOf,
  usageError,
} from './command.ts'
import { formatImported, formatImportProgress } from './import-words.ts'
import { runReport } from './run-report.ts'

const many = (sample: string, help: string): Option => ({
  ...{ type: 'string', multiple: true, sample, help },
})
const one = (sample: string, help: string): Option => ({ type: 'string', sample, help })
const on = (help: string): Option => ({ type: 'boolean', help })

const options = {
  feed: one('NAME', 'The registry here that the images come into.'),
  prefix: one(
    'NAME',
    "In front of every repository's name: mirror makes team/app mirror/team/app.",
  ),
  as: one('NAME', 'The repository of images that a file has no name for.'),
  repository: many('NAME', 'Only this one, without asking for a list. May be repeated.'),
  repositories: one('FILE', 'The same, one on each line.'),
  include: many('PATTERN', 'Only repositories like team/* or team/**. May be repeated.'),
  exclude: many('PATTERN', 'No repositories like these. May be repeated.'),
  tag: many('PATTERN', 'Only tags like 1.*, with what belongs to their images. May be repeated.'),
  'exclude-tag': many('PATTERN', 'No tags like these. May be repeated.'),
  'overwrite-tags': on('Move tags that are there and point at other images.'),
  copy: on('Copy files that could be linked.'),
  rate: one('SIZE', 'Read at most so much a second: 50MB.'),
  'at-once': one('N', 'So many layers at once. Default: 4.'),
  'dry-run': on('Say what would be imported.'),
  'source-user': one('NAME', 'Who logs in to the registry that the images come from.'),
  'source-password-file': one('FILE', 'The password; or ENTREPOT_IMPORT_SOURCE_PASSWORD(_FILE).'),
  'source-ca': one('FILE', 'PEM: an authority to trust there beside the usual ones.'),
  'realm-host': many('HOST', 'May be sent the credentials for a token. May be repeated.'),
  url: one('URL', 'The server that runs, when one does: https://registry.example.com.'),
  user: one('NAME', 'Who pushes there; api, with an API key for the password.'),
  'password-file': one('FILE', 'The password; or ENTREPOT_IMPORT_PASSWORD(_FILE).'),
  ca: one('FILE', 'PEM: an authority to trust there beside the usual ones.'),
  json,
} satisfies Record<string, Option>

export const importCommand: Command = {
  words: 'import',
  operands: ['FROM'],
  summary:
    "Bring in images: of another registry or its folder, an OCI layout, docker save's archive.",
  options,
  settings: ['data-dir', 'database-url', 'secret-key', 'disk-reserve'],
  read: (typed) => {
    const command = readCommand(typed)
    return async (config, terminal) => {
      const { importNow } = await import('../administration/import.ts')
      using report = runReport(terminal, formatImportProgress)
      const { failure, ...done } = await importNow(config, { ...command, report })
      terminal.print(
        isOn(typed, 'json')
          ? JSON.stringify({ ...done, failure: failure?.message ?? null }, null, 2)
          : formatImported(done, command.isDryRun),
      )
      if (failure !== null) throw failure
      const { length } = done.skipped
      if (length === 0) return
      const things = length === 1 ? 'One thing was' : `${length} things were`
      const message = `${things} skipped, named above with the reason; all the rest is there.`
      throw new RegistryError('UNAVAILABLE', message)
    }
  },
}

function readCommand(typed: Typed): Omit<ImportCommand, 'report'> {
  const [from = ''] = typed.operands
  const feed = textOf(typed, 'feed')
  if (feed === undefined) throw usageError('Say which registry the images come into: --feed NAME.')
  const isRemote = /^https?:\/\//i.test(from)
  const realmHosts = textsOf(typed, 'realm-host') ?? []
  const url = textOf(typed, 'url')
  const atOnce = countOf('--at-once', textOf(typed, 'at-once') ?? '4')
  if (atOnce > 64) throw usageError(`--at-once "${atOnce}" is more than 64.`)
  const access = (user: string, file: string, ca: string, variable: CommandVariable) => {
    const username = textOf(typed, user) ?? null
    const password = passwordOf(typed, { user, file, variable })
    const caFile = textOf(typed, ca)
    const caCertificate = caFile === undefined ? null : readText(`--${ca}`, caFile)
    return { username, password, caCertificate, realmHosts }
  }
  return {
    source: {
      from: isRemote ? from : path.resolve(from),
      as: textOf(typed, 'as') ?? null,
      access: access(
        ...(['source-user', 'source-password-file', 'source-ca'] as const),
        'ENTREPOT_IMPORT_SOURCE_PASSWORD',
      ),
    },
    selection: readSelection(typed),
    order: {
      ...{ feed, atOnce, prefix: textOf(typed, 'prefix') ?? '' },
      overwriteTags: isOn(typed, 'overwrite-tags'),
    },
    server:
      url === undefined
        ? null
        : { url, access: access('user', 'password-file', 'ca', 'ENTREPOT_IMPORT_PASSWORD') },
    bytesPerSecond: rateOf(textOf(typed, 'rate')),
    mayLink: !isOn(typed, 'copy'),
    isDryRun: isOn(typed, 'dry-run'),
  }
}

function readSelection(typed: Typed): ImportCommand['selection'] {
  const all = (name: string) => textsOf(typed, name) ?? []
  const list = textOf(typed, 'repositories')
  const lines = list === undefined ? [] : readText('--repositories', list).split(/\r?\n/)
  const named = lines.map((line) => line.trim()).filter((line) => line !== '' && line[0] !== '#')
  if (list !== undefined && named.length === 0) {
    throw usageError(`--repositories "${list}" names no repository.`)
  }
  return {
    repositories: [...new Set([...all('repository'), ...named])],
    include: all('include'),
    exclude: all('exclude'),
    tags: all('tag'),
    excludeTags: all('exclude-tag'),
  }
}

/** Never on the command line, where every user of the machine can read it. */
function passwordOf(
  typed: Typed,
  of: { readonly user: string; readonly file: string; readonly variable: CommandVariable },
): string | null {
  const { user, file, variable } = of
  const named = textOf(typed, file)
  const fromFile = named === undefined ? null : readText(`--${file}`, named).replace(/\r?\n$/, '')
  const password = fromFile ?? readCommandPassword(variable)
  const hasUser = textOf(typed, user) !== undefined
  if (hasUser && password === null) {
    throw usageError(`--${user} needs a password: --${file} FILE, or ${variable}.`)
  }
  if (!hasUser && named !== undefined) throw usageError(`--${file} needs --${user} NAME.`)
  return password
}

function readText(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error)
    throw usageError(`${option} "${file}" cannot be read (${reason}).`)
  }
}

import type { Administration } from '../administration.ts'
import { RegistryError } from '../domain/errors.ts'
import { administer, administrationSettings } from './administration.ts'
import { formatColumns } from './columns.ts'
import {
  type Command,
  choiceOf,
  isOn,
  type Option,
  type Typed,
  textOf,
  textsOf,
  usageError,
} from './command.ts'

type NewKey = Parameters<Administration['keys']['create']>[0]
type KeyInfo = Awaited<ReturnType<Administration['keys']['list']>>[number]

const permissions = ['view', 'add', 'promote', 'delete'] as const
const json: Option = { type: 'boolean', help: 'Print JSON.' }

const create: Command = {
  words: 'key create',
  operands: [],
  summary: 'Create an API key, and print it: it is shown only this once.',
  options: {
    system: { type: 'boolean', help: 'A key that may do everything, in every feed.' },
    feed: { type: 'string', sample: 'NAME', help: 'A key for this feed alone.' },
    permission: {
      type: 'string',
      multiple: true,
      sample: 'WHAT',
      help: 'What a key of a feed may do: view (pull), add (push), promote, delete; may be given several times. Default: view.',
    },
    name: { type: 'string', sample: 'TEXT', help: 'What the key is called in lists and logs.' },
    description: { type: 'string', sample: 'TEXT', help: 'What it is for.' },
    'expires-in-days': { type: 'string', sample: 'N', help: 'Default: it does not expire.' },
    json,
  },
  settings: administrationSettings,
  read: (typed) => {
    const key = readNewKey(typed)
    return administer(async ({ keys }, { print, note }) => {
      const created = await keys.create(key)
      if (isOn(typed, 'json')) {
        print(JSON.stringify({ id: created.id, key: created.key }))
        return
      }
      note(`API key ${created.id}, shown only this once:`)
      print(created.key)
    })
  },
}

const list: Command = {
  words: 'key list',
  operands: [],
  summary: 'List the API keys, without their secrets.',
  options: { json },
  settings: administrationSettings,
  read: (typed) =>
    administer(async ({ keys }, { print }) => {
      const all = await keys.list()
      print(isOn(typed, 'json') ? JSON.stringify(all.map(describe), null, 2) : formatKeys(all))
    }),
}

const revoke: Command = {
  words: 'key revoke',
  operands: ['ID'],
  summary: 'Revoke an API key: from now on it opens nothing.',
  options: {},
  settings: administrationSettings,
  read: (typed) => {
    const id = readCount('ID', typed.operands[0] ?? '')
    return administer(async ({ keys }, { print }) => {
      const found = await keys.revoke(id)
      if (!found) throw new RegistryError('NOT_FOUND', `There is no API key ${id}.`)
      print(`Revoked the API key ${id}.`)
    })
  },
}

export const keyCommands: readonly Command[] = [create, list, revoke]

function readNewKey(typed: Typed): NewKey {
  const days = textOf(typed, 'expires-in-days')
  const about = {
    displayName: textOf(typed, 'name') ?? '',
    description: textOf(typed, 'description') ?? '',
    ...(days === undefined ? {} : { expiresInDays: readCount('--expires-in-days', days) }),
  }
  const feed = textOf(typed, 'feed')
  const wanted = textsOf(typed, 'permission')
  if (isOn(typed, 'system') === (feed !== undefined)) {
    throw usageError('Say for what: --system, or --feed NAME.')
  }
  if (feed === undefined) {
    if (wanted === undefined) return { type: 'system', ...about }
    throw usageError('--permission goes with --feed: a system key may do everything.')
  }
  const chosen = (wanted ?? ['view']).map((text) => choiceOf('permission', text, permissions))
  return { type: 'feed', feed, permissions: [...new Set(chosen)], ...about }
}

function readCount(what: string, text: string): number {
  const count = /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : 0
  if (count > 0) return count
  throw usageError(`${what} "${text}" is not a whole number above 0.`)
}

function describe(key: KeyInfo) {
  return { ...key, created: formatTime(key.created), expires: formatTime(key.expires) }
}

function formatKeys(keys: readonly KeyInfo[]): string {
  return formatColumns(
    ['ID', 'TYPE', 'FEED', 'PERMISSIONS', 'NAME', 'CREATED', 'EXPIRES', 'DESCRIPTION'],
    keys.map((key) => [
      key.id,
      key.type,
      key.feed ?? '(all)',
      key.type === 'system' ? 'everything' : key.permissions.join(', '),
      key.displayName,
      formatTime(key.created),
      formatTime(key.expires) ?? 'never',
      key.description,
    ]),
  )
}

function formatTime(time: Date | null): string | null {
  return time?.toISOString() ?? null
}

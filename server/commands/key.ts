import type { Administration } from '../administration.ts'
import { RegistryError } from '../domain/errors.ts'
import { administer, administrationSettings } from './administration.ts'
import { formatColumns } from './columns.ts'
import { type Command, countOf, isOn, json, type Option, type Typed, textOf } from './command.ts'
import { readNewKey } from './new-key.ts'

type KeyInfo = Awaited<ReturnType<Administration['keys']['list']>>[number]

const createOptions = {
  system: { type: 'boolean', help: 'A key for the whole server.' },
  feed: { type: 'string', sample: 'NAME', help: 'A key for this feed alone.' },
  'feed-group': { type: 'string', sample: 'NAME', help: 'A key for the feeds of this group.' },
  personal: {
    type: 'string',
    sample: 'USER',
    help: "A key that may do what this user may, or a part of it: the user's rights at the time.",
  },
  permission: {
    type: 'string',
    multiple: true,
    sample: 'WHAT',
    help: 'May be given several times. Of a feed, a feed group or a user: view (pull), add (push), promote, delete; default: view, for a personal key all that the user may. Of a system key: full-control (the default), or feeds.',
  },
  repositories: {
    type: 'string',
    sample: 'PATTERN',
    help: 'Keep the key to repositories whose name inside the feed fits: team/*, team/** with all below.',
  },
  name: { type: 'string', sample: 'TEXT', help: 'What the key is called in lists and logs.' },
  description: { type: 'string', sample: 'TEXT', help: 'What it is for.' },
  expires: {
    type: 'string',
    sample: 'DATE',
    help: 'From then on it opens nothing: 2027-01-31, or 2027-01-31T12:00:00Z. Default: it does not expire.',
  },
  'expires-in-days': { type: 'string', sample: 'N', help: 'In place of --expires.' },
  logging: {
    type: 'string',
    sample: 'WHAT',
    help: 'request: keep what the key was used for, for 30 days; default: none.',
  },
  json,
} as const satisfies Readonly<Record<string, Option>>

const create: Command = {
  words: 'key create',
  operands: [],
  summary: 'Create an API key, and print it: it is shown only this once.',
  options: createOptions,
  settings: administrationSettings,
  read: (typed) => {
    const { scope, label } = readNewKey(typed)
    return administer(async ({ keys }, terminal) => {
      printSecret(await keys.create(scope, label), typed, terminal)
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

const rotate: Command = {
  words: 'key rotate',
  operands: ['ID'],
  summary: 'Give an API key a new secret, and print it: it is shown only this once.',
  options: {
    'overlap-hours': {
      type: 'string',
      sample: 'N',
      help: 'How long the former secret is good too: 0 to 720, default 24. With 0 it is out within a second, and all that was issued for it.',
    },
    json,
  },
  settings: administrationSettings,
  read: (typed) => {
    const id = countOf('ID', typed.operands[0] ?? '')
    const hours = textOf(typed, 'overlap-hours')
    const overlap =
      hours === undefined
        ? {}
        : { overlapHours: hours === '0' ? 0 : countOf('--overlap-hours', hours) }
    return administer(async ({ keys }, terminal) => {
      printSecret(await keys.rotate(id, overlap), typed, terminal)
    })
  },
}

const revoke: Command = {
  words: 'key revoke',
  operands: ['ID'],
  summary: 'Revoke an API key: from now on it opens nothing.',
  options: {},
  settings: administrationSettings,
  read: (typed) => {
    const id = countOf('ID', typed.operands[0] ?? '')
    return administer(async ({ keys }, { print }) => {
      const found = await keys.revoke(id)
      if (!found) throw new RegistryError('NOT_FOUND', `There is no API key ${id}.`)
      print(`Revoked the API key ${id}.`)
    })
  },
}

export const keyCommands: readonly Command[] = [create, list, rotate, revoke]

function printSecret(
  { id, key }: { readonly id: number; readonly key: string },
  typed: Typed,
  { print, note }: Parameters<ReturnType<Command['read']>>[1],
): void {
  if (isOn(typed, 'json')) {
    print(JSON.stringify({ id, key }))
    return
  }
  note(`API key ${id}, shown only this once:`)
  print(key)
}

function describe({ userId: _, ...key }: KeyInfo) {
  return {
    ...key,
    created: formatTime(key.created),
    expires: formatTime(key.expires),
    secondExpires: formatTime(key.secondExpires),
    lastUsed: formatTime(key.lastUsed),
  }
}

function formatKeys(keys: readonly KeyInfo[]): string {
  return formatColumns(
    ['ID', 'TYPE', 'FOR', 'PERMISSIONS', 'NAME', 'EXPIRES', 'LAST USED', 'FROM', 'DESCRIPTION'],
    keys.map((key) => [
      key.id,
      key.enabled ? key.type : `${key.type} (off)`,
      formatScope(key),
      key.permissions.join(', ') || 'all of the user',
      key.displayName,
      formatTime(key.expires) ?? 'never',
      formatTime(key.lastUsed) ?? 'never',
      key.lastUsedAddress,
      key.description,
    ]),
  )
}

function formatScope({ feed, feedGroup, user, repositories }: KeyInfo): string {
  const where = feed ?? (feedGroup === null ? (user ?? '(all)') : `group ${feedGroup}`)
  return repositories === null ? where : `${where}: ${repositories}`
}

function formatTime(time: Date | null): string | null {
  return time?.toISOString() ?? null
}

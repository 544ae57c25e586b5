import type { Administration } from '../administration.ts'
import { formatBytes } from '../domain/quota.ts'
import { administer, administrationSettings } from './administration.ts'
import { formatColumns } from './columns.ts'
import {
  type Command,
  choiceOf,
  isOn,
  json,
  type Option,
  quotaOf,
  type Typed,
  textOf,
  textsOf,
  usageError,
} from './command.ts'

type Changes = Parameters<Administration['feeds']['set']>[1]
type Feed = Awaited<ReturnType<Administration['feeds']['list']>>[number]
type Writable<T> = { -readonly [K in keyof T]: T[K] }

const onOff = ['on', 'off'] as const
const overwriteRules = ['allowed', 'permission', 'never'] as const

const changeOptions = {
  description: { type: 'string', sample: 'TEXT', help: 'What the feed is for.' },
  'alternate-name': {
    type: 'string',
    multiple: true,
    sample: 'NAME',
    help: 'Another name that leads to the feed; may be given several times, and replaces all there were. An empty one removes all.',
  },
  active: { type: 'string', sample: 'on|off', help: 'An inactive feed answers nobody.' },
  'tag-deletion': {
    type: 'string',
    sample: 'on|off',
    help: 'Whether clients may delete a tag (DELETE /v2/…/manifests/TAG).',
  },
  'sparse-indexes': {
    type: 'string',
    sample: 'on|off',
    help: 'Whether manifests may refer to images and layers that are not here; then pushes are not checked for completeness.',
  },
  'external-layers': {
    type: 'string',
    sample: 'on|off',
    help: 'Whether images may have layers that are elsewhere: with URLs, or foreign.',
  },
  overwrite: {
    type: 'string',
    sample: 'RULE',
    help: 'May an existing tag be moved: allowed, permission (only with the attribute Feeds_OverwritePackage), or never.',
  },
  quota: {
    type: 'string',
    sample: 'SIZE|none',
    help: 'How much there may be in the feed, such as 50GB: pushes of more are refused.',
  },
  'repository-quota': {
    type: 'string',
    sample: 'SIZE|none',
    help: 'The same for each repository of it that has no quota of its own.',
  },
} as const satisfies Readonly<Record<string, Option>>

const list: Command = {
  words: 'feed list',
  operands: [],
  summary: 'List the feeds.',
  options: { json },
  settings: administrationSettings,
  read: (typed) =>
    administer(async ({ feeds }, { print }) => {
      const all = await feeds.list()
      print(isOn(typed, 'json') ? formatJson(all.map(describe)) : formatFeeds(all))
    }),
}

const create: Command = {
  words: 'feed create',
  operands: ['NAME'],
  summary: 'Create a feed.',
  options: { ...changeOptions, json },
  settings: administrationSettings,
  read: (typed) => {
    const name = typed.operands[0] ?? ''
    const { description = '', alternateNames = [], ...rest } = readChanges(typed)
    return administer(async ({ feeds }, { print }) => {
      const created = await feeds.create({ name, description, alternateNames })
      const feed = Object.keys(rest).length === 0 ? created : await feeds.set(name, rest)
      print(isOn(typed, 'json') ? formatJson(describe(feed)) : `Created the feed ${feed.name}.`)
    })
  },
}

const set: Command = {
  words: 'feed set',
  operands: ['NAME'],
  summary: 'Change a feed.',
  options: {
    rename: {
      type: 'string',
      sample: 'NAME',
      help: 'The new name. Images are then found under it.',
    },
    ...changeOptions,
    json,
  },
  settings: administrationSettings,
  read: (typed) => {
    const name = typed.operands[0] ?? ''
    const rename = textOf(typed, 'rename')
    const changes = { ...readChanges(typed), ...(rename === undefined ? {} : { name: rename }) }
    if (Object.keys(changes).length === 0) throw usageError('Nothing to change was given.')
    return administer(async ({ feeds }, { print }) => {
      const feed = await feeds.set(name, changes)
      print(isOn(typed, 'json') ? formatJson(describe(feed)) : `Changed the feed ${feed.name}.`)
    })
  },
}

const remove: Command = {
  words: 'feed delete',
  operands: ['NAME'],
  summary: 'Delete a feed with everything in it.',
  options: { yes: { type: 'boolean', help: 'Really do it.' } },
  settings: administrationSettings,
  read: (typed) => {
    const name = typed.operands[0] ?? ''
    if (!isOn(typed, 'yes')) {
      throw usageError(
        `This deletes the feed ${name} with all its repositories, images and tags, for good. Repeat it with --yes if that is what you want.`,
      )
    }
    return administer(async ({ feeds }, { print }) => {
      await feeds.delete(name)
      print(`Deleted the feed ${name}.`)
    })
  },
}

export const feedCommands: readonly Command[] = [list, create, set, remove]

function readChanges(typed: Typed): Changes {
  const changes: Writable<Changes> = {}
  const description = textOf(typed, 'description')
  const alternateNames = textsOf(typed, 'alternate-name')
  const active = readSwitch(typed, 'active')
  const tagDeletion = readSwitch(typed, 'tag-deletion')
  const sparseIndexes = readSwitch(typed, 'sparse-indexes')
  const externalLayers = readSwitch(typed, 'external-layers')
  const overwrite = textOf(typed, 'overwrite')
  if (description !== undefined) changes.description = description
  if (alternateNames !== undefined)
    changes.alternateNames = alternateNames.filter((name) => name !== '')
  if (active !== undefined) changes.active = active
  if (tagDeletion !== undefined) changes.tagDeletion = tagDeletion
  if (sparseIndexes !== undefined) changes.sparseIndexes = sparseIndexes
  if (externalLayers !== undefined) changes.externalLayers = externalLayers
  if (overwrite !== undefined) changes.overwrite = choiceOf('overwrite', overwrite, overwriteRules)
  const quota = textOf(typed, 'quota')
  const repositoryQuota = textOf(typed, 'repository-quota')
  return {
    ...changes,
    ...(quota !== undefined && { quotaBytes: quotaOf('quota', quota) }),
    ...(repositoryQuota !== undefined && {
      repositoryQuotaBytes: quotaOf('repository-quota', repositoryQuota),
    }),
  }
}

function readSwitch(typed: Typed, name: string): boolean | undefined {
  const text = textOf(typed, name)
  return text === undefined ? undefined : choiceOf(name, text, onOff) === 'on'
}

function describe(feed: Feed) {
  const { name, alternateNames, description, active, overwrite } = feed
  const { tagDeletion, sparseIndexes, externalLayers, quotaBytes, repositoryQuotaBytes } = feed
  const switches = { tagDeletion, sparseIndexes, externalLayers }
  const quotas = { quotaBytes, repositoryQuotaBytes }
  return { name, alternateNames, description, active, ...switches, overwrite, ...quotas }
}

function formatFeeds(feeds: readonly Feed[]): string {
  return formatColumns(
    [
      'NAME',
      'ALTERNATE NAMES',
      'ACTIVE',
      'TAG DELETION',
      'SPARSE INDEXES',
      'EXTERNAL LAYERS',
      'OVERWRITE',
      'QUOTA',
      'DESCRIPTION',
    ],
    feeds.map((feed) => [
      feed.name,
      feed.alternateNames.join(', '),
      formatSwitch(feed.active),
      formatSwitch(feed.tagDeletion),
      formatSwitch(feed.sparseIndexes),
      formatSwitch(feed.externalLayers),
      feed.overwrite,
      feed.quotaBytes === null ? 'none' : formatBytes(feed.quotaBytes),
      feed.description,
    ]),
  )
}

function formatSwitch(on: boolean): string {
  return on ? 'on' : 'off'
}

function formatJson(value: unknown): string {
  return JSON.stringify(value, null, 2)
}

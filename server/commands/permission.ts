import type { Administration } from '../administration.ts'
import { RegistryError } from '../domain/errors.ts'
import { administer, administrationSettings } from './administration.ts'
import { formatColumns } from './columns.ts'
import { type Command, countOf, isOn, json, textOf, usageError } from './command.ts'

type Permission = Awaited<ReturnType<Administration['permissions']['list']>>[number]

const list: Command = {
  words: 'permission list',
  operands: [],
  summary: 'List permissions and restrictions.',
  options: { json },
  settings: administrationSettings,
  read: (typed) =>
    administer(async ({ permissions }, { print }) => {
      const all = await permissions.list()
      print(isOn(typed, 'json') ? JSON.stringify(all, null, 2) : formatPermissions(all))
    }),
}

const add: Command = {
  words: 'permission add',
  operands: ['TASK'],
  summary: 'Let a user or a group do a task, or with --deny forbid it.',
  options: {
    user: {
      type: 'string',
      sample: 'NAME',
      help: 'A user, or Everyone, Authenticated, Anonymous.',
    },
    group: { type: 'string', sample: 'NAME', help: 'A group, in place of a user.' },
    feed: { type: 'string', sample: 'NAME', help: 'Only in this feed. Default: everywhere.' },
    'feed-group': { type: 'string', sample: 'NAME', help: 'Only in the feeds of this group.' },
    repositories: {
      type: 'string',
      sample: 'PATTERN',
      help: 'Only in repositories of the feed whose name fits: team/*, team/** with all below.',
    },
    deny: { type: 'boolean', help: 'A restriction: it forbids.' },
  },
  settings: administrationSettings,
  read: (typed) => {
    const user = textOf(typed, 'user')
    const group = textOf(typed, 'group')
    if ((user === undefined) === (group === undefined)) {
      throw usageError('Say for whom: --user NAME or --group NAME.')
    }
    return administer(async ({ permissions }, { print }) => {
      const { id } = await permissions.add({
        task: typed.operands[0] ?? '',
        ...{ user, group, feed: textOf(typed, 'feed'), feedGroup: textOf(typed, 'feed-group') },
        repositories: textOf(typed, 'repositories'),
        deny: isOn(typed, 'deny'),
      })
      print(`Added the ${isOn(typed, 'deny') ? 'restriction' : 'permission'} ${id}.`)
    })
  },
}

const remove: Command = {
  words: 'permission delete',
  operands: ['ID'],
  summary: 'Delete a permission or restriction.',
  options: {},
  settings: administrationSettings,
  read: (typed) => {
    const id = countOf('ID', typed.operands[0] ?? '')
    return administer(async ({ permissions }, { print }) => {
      const found = await permissions.delete(id)
      if (!found) throw new RegistryError('NOT_FOUND', `There is no permission ${id}.`)
      print(`Deleted the permission ${id}.`)
    })
  },
}

export const permissionCommands: readonly Command[] = [list, add, remove]

function formatPermissions(permissions: readonly Permission[]): string {
  return formatColumns(
    ['ID', 'WHO', 'TASK', 'WHERE', ''],
    permissions.map((permission) => [
      permission.id,
      permission.user ?? `group ${permission.group}`,
      permission.task,
      formatScope(permission),
      permission.deny ? 'forbidden' : 'allowed',
    ]),
  )
}

function formatScope({ feed, feedGroup, repositories }: Permission): string {
  if (feed !== null) return repositories === null ? feed : `${feed}: ${repositories}`
  return feedGroup === null ? 'everywhere' : `group ${feedGroup}`
}

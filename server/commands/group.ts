import { administer, administrationSettings } from './administration.ts'
import { formatColumns } from './columns.ts'
import { type Command, isOn, json, textOf, textsOf, usageError } from './command.ts'

const add: Command = {
  words: 'group add',
  operands: ['NAME'],
  summary: 'Add a group of users.',
  options: { description: { type: 'string', sample: 'TEXT', help: 'What the group is for.' } },
  settings: administrationSettings,
  read: (typed) =>
    administer(async ({ groups }, { print }) => {
      const description = textOf(typed, 'description') ?? ''
      const { name } = await groups.add(typed.operands[0] ?? '', description)
      print(`Added the group ${name}.`)
    }),
}

const list: Command = {
  words: 'group list',
  operands: [],
  summary: 'List the groups with their members.',
  options: { json },
  settings: administrationSettings,
  read: (typed) =>
    administer(async ({ groups }, { print }) => {
      const all = await groups.list()
      if (isOn(typed, 'json')) return print(JSON.stringify(all, null, 2))
      const rows = all.map(({ name, users, description }) => [name, users.join(', '), description])
      print(formatColumns(['NAME', 'MEMBERS', 'DESCRIPTION'], rows))
    }),
}

const members: Command = {
  words: 'group members',
  operands: ['NAME'],
  summary: "Print a group's members, after changing them where that is asked for.",
  options: {
    add: {
      type: 'string',
      multiple: true,
      sample: 'USER',
      help: 'Put this user into the group; may be given several times.',
    },
    remove: {
      type: 'string',
      multiple: true,
      sample: 'USER',
      help: 'Take this user out; may be given several times. Members whom a directory names stay.',
    },
  },
  settings: administrationSettings,
  read: (typed) => {
    const name = typed.operands[0] ?? ''
    const add = textsOf(typed, 'add') ?? []
    const remove = textsOf(typed, 'remove') ?? []
    const both = add.find((user) => remove.includes(user))
    if (both !== undefined) throw usageError(`${both} is to be added and removed.`)
    const changes = add.length + remove.length > 0
    return administer(async ({ groups }, { print }) => {
      const { users } = await (changes
        ? groups.changeMembers(name, { add, remove })
        : groups.get(name))
      for (const user of users) print(user)
    })
  },
}

export const groupCommands: readonly Command[] = [add, list, members]

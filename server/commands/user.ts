import type { Administration } from '../administration.ts'
import { RegistryError } from '../domain/errors.ts'
import { administer, administrationSettings } from './administration.ts'
import { formatColumns } from './columns.ts'
import {
  type Command,
  isOn,
  json,
  type Option,
  type Terminal,
  type Typed,
  textOf,
  textsOf,
  usageError,
} from './command.ts'

const passwordStdin: Option = {
  type: 'boolean',
  help: 'Read the password from the standard input instead of making one.',
}

const add: Command = {
  words: 'user add',
  operands: ['NAME'],
  summary: 'Add a user, and print the password that was made.',
  options: {
    'password-stdin': passwordStdin,
    'display-name': { type: 'string', sample: 'TEXT', help: 'The name that people read.' },
    email: { type: 'string', sample: 'ADDRESS', help: 'For people to read.' },
    group: {
      type: 'string',
      multiple: true,
      sample: 'NAME',
      help: 'A group that the user is in; may be given several times.',
    },
  },
  settings: administrationSettings,
  read: (typed) => {
    const user = {
      name: nameOf(typed),
      displayName: textOf(typed, 'display-name') ?? '',
      email: textOf(typed, 'email') ?? '',
      groups: textsOf(typed, 'group') ?? [],
    }
    return administer(async ({ users }, terminal) => {
      const given = await readPassword(typed, terminal)
      const password = await users.add(user, given)
      if (given === null) tellPassword(user.name, password, terminal)
      else terminal.note(`Added the user ${user.name}.`)
    })
  },
}

const list: Command = {
  words: 'user list',
  operands: [],
  summary: 'List the users.',
  options: { json },
  settings: administrationSettings,
  read: (typed) =>
    administer(async ({ users }, { print }) => {
      const all = await users.list()
      print(isOn(typed, 'json') ? JSON.stringify(all, null, 2) : formatUsers(all))
    }),
}

const disable = switching('disable', false, 'Forbid a user to log in, from now on.')
const enable = switching('enable', true, 'Let a user log in again.')

const resetPassword: Command = {
  words: 'user reset-password',
  operands: ['NAME'],
  summary: 'Give a user a new password, and print it.',
  options: {
    'password-stdin': passwordStdin,
    recover: {
      type: 'boolean',
      help: "When everybody is locked out: also lets the user log in again, gives the right to administer the server, and takes away the user's own restrictions.",
    },
  },
  settings: administrationSettings,
  read: (typed) => {
    const userName = nameOf(typed)
    return administer(async ({ users }, terminal) => {
      const given = await readPassword(typed, terminal)
      const recover = isOn(typed, 'recover')
      const password = await users.resetPassword({ userName, password: given, recover })
      if (given === null) tellPassword(userName, password, terminal)
      else terminal.note(`The password of ${userName} is changed.`)
    })
  },
}

const remove: Command = {
  words: 'user delete',
  operands: ['NAME'],
  summary: "Delete a user, with the user's keys and permissions.",
  options: {},
  settings: administrationSettings,
  read: (typed) => {
    const name = nameOf(typed)
    return administer(async ({ users }, { print }) => {
      const found = await users.delete(name)
      if (!found) throw new RegistryError('NOT_FOUND', `There is no user "${name}".`)
      print(`Deleted the user ${name}.`)
    })
  },
}

export const userCommands: readonly Command[] = [add, list, disable, enable, resetPassword, remove]

function switching(verb: string, active: boolean, summary: string): Command {
  return {
    words: `user ${verb}`,
    operands: ['NAME'],
    summary,
    options: {},
    settings: administrationSettings,
    read: (typed) =>
      administer(async ({ users }, { print }) => {
        const { name } = await users.update(nameOf(typed), { active })
        print(active ? `${name} may log in.` : `${name} may not log in any more.`)
      }),
  }
}

function nameOf(typed: Typed): string {
  return typed.operands[0] ?? ''
}

/** Null: one is to be made. */
async function readPassword(typed: Typed, { readInput }: Terminal): Promise<string | null> {
  if (!isOn(typed, 'password-stdin')) return null
  const password = await readInput()
  if (password === '') throw usageError('The standard input is empty: no password.')
  return password
}

function tellPassword(name: string, password: string, { note, print }: Terminal): void {
  note(`The new password of ${name}:`)
  print(password)
}

function formatUsers(users: Awaited<ReturnType<Administration['users']['list']>>): string {
  return formatColumns(
    ['NAME', 'DISPLAY NAME', 'E-MAIL', 'MAY LOG IN', 'FROM', 'GROUPS', 'LAST LOGIN'],
    users.map((user) => [
      user.name,
      user.displayName,
      user.email,
      user.active ? 'yes' : 'no',
      user.directory ?? 'here',
      user.groups.join(', '),
      user.lastLogin?.toISOString() ?? 'never',
    ]),
  )
}

import { administer, administrationSettings } from './administration.ts'
import { type Command, isOn, usageError } from './command.ts'

const resetPassword: Command = {
  words: 'user reset-password',
  operands: ['NAME'],
  summary: 'Give a user a new password, and print it.',
  options: {
    'password-stdin': {
      type: 'boolean',
      help: 'Read the password from the standard input instead of making one.',
    },
  },
  settings: administrationSettings,
  read: (typed) => {
    const name = typed.operands[0] ?? ''
    if (!isOn(typed, 'password-stdin')) {
      return administer(async ({ users }, { print, note }) => {
        const { password } = await users.resetPassword(name, undefined)
        note(`The new password of ${name}:`)
        print(password)
      })
    }
    return administer(async ({ users }, { note, readInput }) => {
      const typedPassword = await readInput()
      if (typedPassword === '') throw usageError('The standard input is empty: no password.')
      await users.resetPassword(name, typedPassword)
      note(`The password of ${name} is changed.`)
    })
  },
}

export const userCommands: readonly Command[] = [resetPassword]

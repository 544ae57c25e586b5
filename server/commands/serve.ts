import { setFlagsFromString } from 'node:v8'
import type { App } from '../app.ts'
import { type SettingName, settingNames } from '../config/settings.ts'
import type { Command } from './command.ts'

const allSettings: readonly SettingName[] = settingNames

export const serveCommand: Command = {
  words: 'serve',
  operands: [],
  summary: 'Run the server.',
  options: {},
  settings: allSettings,
  read:
    () =>
    async (config, { note }) => {
      const stop = waitForStop()
      // Loaded only now: help and version need none of it.
      const { openApp } = await import('../app.ts')
      await using app = await openApp(config)
      letHeapGrow()
      welcome(app, note)
      await stop
      await app.drain()
    },
}

/**
 * Each piece of a body comes in a buffer of its own. V8 counts these as growth of a small heap, and
 * would mark all of that heap for every 60 MB that are pushed. This is the most that it may grow by
 * between two times anyway: to four times what is in use.
 */
function letHeapGrow() {
  setFlagsFromString('--heap-growing-percent=300')
}

/** For a person who starts it by hand; the log says the rest. */
function welcome({ url, firstAdministrator }: App, note: (line: string) => void) {
  note(`Entrepot listens on ${url}`)
  if (firstAdministrator === null) return
  const { userName, generatedPassword, passwordFile } = firstAdministrator
  if (generatedPassword === null) return
  note(`First start: log in as ${userName} with the password ${generatedPassword}`)
  note(`It is shown this once, and kept in ${passwordFile} until it is changed.`)
}

/** Resolves at the first SIGTERM or SIGINT; the second one ends the process at once. */
function waitForStop(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false
    const stop = () => {
      if (asked) process.exit(1)
      asked = true
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}

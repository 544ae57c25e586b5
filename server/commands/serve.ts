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
      welcome(app, note)
      await stop
      await app.drain()
    },
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

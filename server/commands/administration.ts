import type { Administration } from '../administration.ts'
import type { SettingName } from '../config/settings.ts'
import type { Action, Terminal } from './command.ts'

/** What the commands beside `serve` need to find the server's data. */
export const administrationSettings: readonly SettingName[] = ['data-dir', 'database-url']

/** Runs with the database open and nothing served; a server may run beside it. */
export function administer(
  run: (administration: Administration, terminal: Terminal) => Promise<void>,
): Action {
  return async (config, terminal) => {
    // Loaded only now: help and version need none of it.
    const { openAdministration } = await import('../administration.ts')
    await using administration = await openAdministration(config)
    await run(administration, terminal)
  }
}

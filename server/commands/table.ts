import type { Command } from './command.ts'
import { feedCommands } from './feed.ts'
import { keyCommands } from './key.ts'
import { serveCommand } from './serve.ts'
import { userCommands } from './user.ts'
import { versionCommand } from './version.ts'

/** Every sub-command, in the order of the help. */
export const commands: readonly Command[] = [
  serveCommand,
  ...feedCommands,
  ...keyCommands,
  ...userCommands,
  versionCommand,
]

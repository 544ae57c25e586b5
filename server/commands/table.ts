import { backupCommands } from './backup.ts'
import type { Command } from './command.ts'
import { doctorCommand } from './doctor.ts'
import { exportCommand } from './export.ts'
import { feedCommands } from './feed.ts'
import { groupCommands } from './group.ts'
import { healthCommand } from './health.ts'
import { importCommand } from './import.ts'
import { jobCommands } from './job.ts'
import { keyCommands } from './key.ts'
import { migrateCommand } from './migrate.ts'
import { permissionCommands } from './permission.ts'
import { repositoryCommands } from './repository.ts'
import { restoreCommand } from './restore.ts'
import { serveCommand } from './serve.ts'
import { storeCommands } from './store.ts'
import { userCommands } from './user.ts'
import { versionCommand } from './version.ts'
import { whoamiCommand } from './whoami.ts'

/** Every sub-command, in the order of the help. */
export const commands: readonly Command[] = [
  serveCommand,
  migrateCommand,
  ...backupCommands,
  restoreCommand,
  exportCommand,
  importCommand,
  ...feedCommands,
  ...repositoryCommands,
  ...storeCommands,
  ...keyCommands,
  ...userCommands,
  ...groupCommands,
  ...permissionCommands,
  ...jobCommands,
  doctorCommand,
  healthCommand,
  whoamiCommand,
  versionCommand,
]

import type { Db } from '../../db/database.ts'
import type { Log } from '../../log.ts'
import { type Encryption, openEncryption } from '../encrypted.ts'
import type { Waiter } from '../gate.ts'
import type { SecretKey } from '../secret-key.ts'
import { type ConfirmedUser, openConfirmations } from './confirmations.ts'
import { openDirectoryLogins } from './directory-logins.ts'
import { openEnabledDirectories } from './enabled-directories.ts'
import { type OidcLogins, openOidcLogins } from './oidc-logins.ts'
import { openOutages } from './outages.ts'

/** Users who are not the server's own, and who vouches for them. */
export interface Directories {
  /** By name and password: see `DirectoryLogins`. */
  logIn(userName: string, password: string, waiter?: Waiter): Promise<number | undefined>
  forget(userName: string, password: string): void
  /** Before anything that was issued for a user counts: see `Confirmations`. */
  confirm(user: ConfirmedUser): Promise<void>
  /** By browser. */
  readonly oidc: OidcLogins
  /** For the secrets of directories. */
  readonly encryption: Encryption
}

export interface DirectoriesOptions {
  readonly db: Db
  readonly log: Log
  readonly secretKey: SecretKey
  /** How old a confirmation may be before the directory is asked again. */
  readonly recheckMs: () => number
  /** How old it may be at most, where the directory cannot be asked. */
  readonly confirmedForMs: () => number
  readonly now?: () => number
}

export function openDirectories(options: DirectoriesOptions): Directories {
  const { db, log, secretKey, recheckMs, confirmedForMs, now = Date.now } = options
  const monotonicMs = () => performance.now()
  const encryption = openEncryption(secretKey.deriveKey('stored-credentials'))
  const stateEncryption = openEncryption(secretKey.deriveKey('login-state'))
  const directories = openEnabledDirectories({ read: db.read, encryption })
  const outages = openOutages({ log, monotonicMs })
  const shared = { db, directories, outages, encryption, recheckMs, now }
  const confirmations = openConfirmations({ ...shared, confirmedForMs })
  const logins = openDirectoryLogins({ ...shared, admitted: confirmations.admitted })
  return {
    logIn: logins.logIn,
    forget: logins.forget,
    confirm: confirmations.confirm,
    oidc: openOidcLogins({ ...shared, confirmations, stateEncryption }),
    encryption,
  }
}

import { openAuthenticator } from '../auth/authenticate.ts'
import { createBackOff } from '../auth/back-off.ts'
import { openDirectories } from '../auth/directories/open-directories.ts'
import { openKeyUsage } from '../auth/key-usage.ts'
import { openLoginRecords } from '../auth/login-records.ts'
import type { Passwords } from '../auth/password.ts'
import { openPrincipals } from '../auth/principals.ts'
import { openSecretKey } from '../auth/secret-key.ts'
import { openSessions } from '../auth/session.ts'
import { openTokens } from '../auth/token.ts'
import type { Config } from '../config.ts'
import type { Db } from '../db/database.ts'
import type { Log } from '../log.ts'
import type { Settings } from '../registry/settings.ts'
import type { Traces } from '../traces.ts'
import { traceAuthenticator } from './traced.ts'

export interface IdentityOptions {
  readonly config: Pick<Config, 'dataDir' | 'secretKey'>
  readonly db: Db
  readonly log: Log
  readonly passwords: Passwords
  readonly settings: Settings
  readonly traces: Traces | null
  /** Whether whoever fails to log in has to wait. */
  readonly slowsDown: boolean
  /** Told of what is opened here. */
  readonly closers: (() => PromiseLike<void> | void)[]
}

const minuteMs = 60_000

/** Everything that finds out who is calling. */
export async function openIdentity(options: IdentityOptions) {
  const { config, db, log, passwords, settings, slowsDown, traces, closers } = options
  const now = Date.now
  const secretKey = await openSecretKey({ dataDir: config.dataDir, configured: config.secretKey })
  const tokens = await openTokens({ key: secretKey.deriveKey('token-signing'), now })
  const directories = openDirectories({
    db,
    log,
    secretKey,
    recheckMs: () => minuteMs * settings.integer('Directories.RecheckMinutes'),
    confirmedForMs: () => 60 * minuteMs * settings.integer('Directories.ConfirmedForHours'),
  })
  const { confirm } = directories
  const principals = openPrincipals({ read: db.read, now, confirm })
  const keep = <T extends AsyncDisposable>(opened: T): T => {
    closers.push(() => opened[Symbol.asyncDispose]())
    return opened
  }
  const onError = (err: unknown) => log.error({ err }, 'What callers did could not be written down')
  const keyUsage = keep(openKeyUsage({ db, now, onError }))
  const records = keep(openLoginRecords({ db, onError }))
  const backOff = slowsDown ? createBackOff({ onRefused: records.refused }) : undefined
  const untraced = openAuthenticator({
    ...{ db, principals, passwords, tokens, directories, records },
    ...(backOff && { backOff }),
  })
  const authenticator = traces === null ? untraced : traceAuthenticator(untraced, traces)
  const sessions = openSessions({
    db,
    principals,
    now,
    limits: {
      idleMs: () => minuteMs * settings.integer('Sessions.IdleMinutes'),
      maxAgeMs: () => 60 * minuteMs * settings.integer('Sessions.MaxHours'),
    },
    onError: (err) => log.error({ err }, 'The use of sessions could not be written down yet'),
  })
  closers.push(() => sessions[Symbol.asyncDispose]())
  return { authenticator, directories, keyUsage, principals, records, sessions, tokens }
}

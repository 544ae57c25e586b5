import type { Db } from '../../db/database.ts'
import {
  confirmDirectoryUser,
  findDirectoryToken,
  setDirectoryToken,
  suspendDirectoryUser,
} from '../../db/directory-users.ts'
import type { UserAccount } from '../../db/users.ts'
import { RegistryError } from '../../domain/errors.ts'
import { createBoundedCache } from '../bounded-cache.ts'
import type { Encryption } from '../encrypted.ts'
import { factsOf } from './directory-logins.ts'
import type { DirectoryUser } from './directory-user.ts'
import type { EnabledDirectories, EnabledDirectory } from './enabled-directories.ts'
import { subjectOf } from './oidc-claims.ts'
import type { Outages } from './outages.ts'

export type ConfirmedUser = Pick<
  UserAccount,
  'id' | 'name' | 'directoryId' | 'externalId' | 'confirmedAt'
>

/** Whether directories still stand behind their users, whatever these call with. */
export interface Confirmations {
  /**
   * Returns if the user is the server's own, or if the directory confirmed the user less than the
   * re-check interval ago; otherwise asks it. Throws UNAUTHORIZED if it does not know the user any
   * more or forbids it, if it is disabled here, or if it cannot be asked about a user who is not
   * there and has not confirmed this one for too long; UNAVAILABLE if it is down for too long.
   */
  confirm(user: ConfirmedUser): Promise<void>
  /** The user has just logged in with the directory. */
  admitted(userId: number): void
}

export interface ConfirmationsOptions {
  readonly db: Db
  readonly directories: EnabledDirectories
  readonly outages: Outages
  readonly encryption: Encryption
  /** How old a confirmation may be before the directory is asked again. */
  readonly recheckMs: () => number
  /** How old it may be at most, where the directory cannot be asked. */
  readonly confirmedForMs: () => number
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** How long nobody asks again: about a directory that failed, and about a user whom it refused. */
const quietMs = 30_000
/** As long as what was read of a user may be from before the confirmation. */
const rereadMs = 2000

interface Known {
  readonly at: number
  readonly confirmed: boolean
}

export function openConfirmations(options: ConfirmationsOptions): Confirmations {
  const { db, directories, recheckMs, now } = options
  const known = createBoundedCache<Known>(10_000)
  const running = new Map<number, Promise<void>>()

  const findRecent = ({ id, confirmedAt }: ConfirmedUser) => {
    const last = known.get(String(id))
    if (last === undefined) return undefined
    if (now() - last.at >= (last.confirmed ? rereadMs : quietMs)) return undefined
    // Another process may have heard better since.
    const isOld = !last.confirmed && confirmedAt !== null && confirmedAt > last.at
    return isOld ? undefined : last
  }

  const check = async (user: ConfirmedUser, directory: EnabledDirectory) => {
    const answer = await ask(options, user, directory)
    if (answer === 'too old') throw tooOld(directory.name)
    known.set(String(user.id), { at: now(), confirmed: answer === 'confirmed' })
    if (answer === 'confirmed') return
    await db.write(suspendDirectoryUser, { userId: user.id, directory: directory.name })
    throw refused(directory.name)
  }

  return {
    admitted(userId) {
      known.set(String(userId), { at: now(), confirmed: true })
    },
    async confirm(user) {
      if (user.directoryId === null) return
      const directory = await directories.find(user.directoryId)
      if (directory === undefined) {
        throw new RegistryError('UNAUTHORIZED', 'The directory of this user is switched off.')
      }
      const recent = findRecent(user)
      if (recent?.confirmed === false) throw refused(directory.name)
      if (recent?.confirmed === true) return
      if (user.confirmedAt !== null && now() - user.confirmedAt < recheckMs()) return
      const shared = running.get(user.id)
      if (shared !== undefined) return await shared
      const checked = check(user, directory).finally(() => running.delete(user.id))
      running.set(user.id, checked)
      await checked
    },
  }
}

/** What the directory says; if it cannot be asked, what it said last, while that is good. */
async function ask(
  options: ConfirmationsOptions,
  user: ConfirmedUser,
  directory: EnabledDirectory,
): Promise<'confirmed' | 'refused' | 'too old'> {
  try {
    const found =
      directory.kind === 'ldap'
        ? await options.outages.guard(directory, { purpose: 'confirmation', quietMs }, () =>
            directory.open().findAgain(user.name),
          )
        : await askProvider(options, user, directory)
    if (found === 'cannot be asked') return isStillGood(options, user) ? 'confirmed' : 'too old'
    if (found === undefined || !found.enabled || isSomebodyElse(found, user)) return 'refused'
    await options.db.write(confirmDirectoryUser, { userId: user.id, facts: factsOf(found) })
    return 'confirmed'
  } catch (error) {
    if (isStillGood(options, user)) return 'confirmed'
    throw error
  }
}

function isStillGood({ now, confirmedForMs }: ConfirmationsOptions, user: ConfirmedUser): boolean {
  return user.confirmedAt !== null && now() - user.confirmedAt < confirmedForMs()
}

/** By the refresh token of the last login, if the provider gave one. */
async function askProvider(
  { db, encryption, outages }: ConfirmationsOptions,
  user: ConfirmedUser,
  directory: Extract<EnabledDirectory, { kind: 'oidc' }>,
): Promise<DirectoryUser | 'cannot be asked'> {
  const stored = await findDirectoryToken(db.read, user.id)
  if (stored === undefined) return 'cannot be asked'
  const owner = tokenOwner(user.id)
  const answer = await outages.guard(directory, { purpose: 'confirmation', quietMs }, () =>
    directory.open().refresh(encryption.decrypt(stored, owner), subjectOf(user.externalId ?? '')),
  )
  if (answer === undefined) {
    // Expired, or the user's sessions were ended: both say nothing about who the user is.
    if ((await findDirectoryToken(db.read, user.id)) === stored) {
      await db.write(setDirectoryToken, { userId: user.id, token: null })
    }
    return 'cannot be asked'
  }
  const token = answer.refreshToken && encryption.encrypt(answer.refreshToken, owner)
  await db.write(setDirectoryToken, { userId: user.id, token })
  return answer.user
}

/** For what a stored refresh token was encrypted. */
export function tokenOwner(userId: number): string {
  return `user ${userId}`
}

/** A name that was given to a new person. */
function isSomebodyElse(found: DirectoryUser, { externalId }: ConfirmedUser): boolean {
  const { stableIdPrefix } = found
  if (stableIdPrefix === null || !externalId?.startsWith(stableIdPrefix)) return false
  return found.externalId !== externalId
}

function tooOld(name: string): RegistryError {
  return new RegistryError(
    'UNAUTHORIZED',
    `The directory "${name}" has not vouched for this user for too long: log in with it again.`,
  )
}

function refused(name: string): RegistryError {
  return new RegistryError(
    'UNAUTHORIZED',
    `The directory "${name}" does not vouch for this user any more: log in again.`,
  )
}

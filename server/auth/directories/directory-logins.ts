import { createHmac, randomBytes } from 'node:crypto'
import type { Db } from '../../db/database.ts'
import { admitDirectoryUser, type DirectoryFacts } from '../../db/directory-users.ts'
import { findUserByKey } from '../../db/users.ts'
import { accessName } from '../../domain/access-name.ts'
import { RegistryError } from '../../domain/errors.ts'
import { parseUserName, userKey } from '../../domain/user-name.ts'
import { createBoundedCache } from '../bounded-cache.ts'
import type { Waiter } from '../gate.ts'
import type { DirectoryUser } from './directory-user.ts'
import type { EnabledDirectories, EnabledDirectory } from './enabled-directories.ts'
import type { Outages } from './outages.ts'

/** Logins by name and password with the directories that know passwords. */
export interface DirectoryLogins {
  /**
   * The id of the user whom a directory let in; undefined if none knows the name with this
   * password. `user@domain` and `DOMAIN\user` ask only directories of that domain. Of a name that
   * is the server's own user's, ask nobody: only that user's password counts. Throws UNAVAILABLE if
   * a directory that may know the name cannot be asked, UNAUTHORIZED, saying why, if the user whom
   * it let in cannot be one here.
   */
  logIn(userName: string, password: string, waiter?: Waiter): Promise<number | undefined>
  /** The directory is asked again at the next login with these. */
  forget(userName: string, password: string): void
}

export interface DirectoryLoginsOptions {
  readonly db: Db
  readonly directories: EnabledDirectories
  readonly outages: Outages
  /** For how long a verified login is remembered. */
  readonly recheckMs: () => number
  /** Told of every user whom a directory let in. */
  readonly admitted: (userId: number) => void
  readonly monotonicMs?: () => number
}

type LdapKind = Extract<EnabledDirectory, { readonly kind: 'ldap' }>

interface Candidate {
  readonly directory: LdapKind
  /** Without the domain, where that was what chose the directory. */
  readonly name: string
}

interface Attempt {
  readonly userName: string
  readonly password: string
  readonly waiter: Waiter | undefined
}

interface Verified {
  readonly userId: number
  readonly directoryId: number
  readonly revision: string
  readonly at: number
}

/** How long nobody asks a directory that just failed. */
const quietMs = 5000

export function openDirectoryLogins(options: DirectoryLoginsOptions): DirectoryLogins {
  const { db, directories, outages, recheckMs, monotonicMs = () => performance.now() } = options
  const cacheKey = randomBytes(32)
  const verified = createBoundedCache<Verified>(4096)
  const running = new Map<string, Promise<number | undefined>>()

  const isGood = async (known: Verified | undefined) => {
    if (known === undefined || monotonicMs() - known.at >= recheckMs()) return false
    const directory = await directories.find(known.directoryId)
    return directory?.revision === known.revision
  }

  const attempt = async (
    { userName, password, waiter }: Attempt,
    id: string,
  ): Promise<number | undefined> => {
    for (const { directory, name } of await findCandidates(options, userName)) {
      const at = monotonicMs()
      const answer = await outages.guard(directory, { purpose: 'login', quietMs, waiter }, () =>
        directory.open().logIn(name, password),
      )
      if (answer === 'unknown') continue
      // The first directory that knows the name decides.
      if (answer === 'refused' || !answer.enabled) return undefined
      const userId = await admitUser(db, { directory, user: answer, create: true })
      options.admitted(userId)
      verified.set(id, { userId, directoryId: directory.id, revision: directory.revision, at })
      return userId
    }
    return undefined
  }

  const idOf = (userName: string, password: string) =>
    createHmac('sha256', cacheKey)
      .update(JSON.stringify([userName, password]))
      .digest('base64')

  return {
    forget(userName, password) {
      verified.delete(idOf(userName, password))
    },
    async logIn(userName, password, waiter) {
      // Directories take an empty password for no attempt to log in, and say yes.
      if (userName === '' || password === '') return undefined
      const id = idOf(userName, password)
      const known = verified.get(id)
      if (known !== undefined && (await isGood(known))) return known.userId
      // Clients open many connections at once: the same attempt is made once.
      const shared = running.get(id)
      if (shared !== undefined) return await shared
      const attempted = attempt({ userName, password, waiter }, id).finally(() =>
        running.delete(id),
      )
      running.set(id, attempted)
      return await attempted
    },
  }
}

/** Whom to ask, in order. A name that belongs to one of them is that one's alone. */
async function findCandidates(
  { db, directories }: Pick<DirectoryLoginsOptions, 'db' | 'directories'>,
  userName: string,
): Promise<readonly Candidate[]> {
  const ldap = (await directories.list()).filter((each) => each.kind === 'ldap')
  const narrowed = ldap.flatMap((directory) => {
    const name = nameInDomain(userName, directory)
    return name === undefined ? [] : [{ directory, name }]
  })
  const candidates =
    narrowed.length > 0 ? narrowed : ldap.map((directory) => ({ directory, name: userName }))
  const owner = await findUserByKey(db.read, userKey(candidates[0]?.name ?? userName))
  if (owner === undefined) return candidates
  // Directories do not see what is tried with the name of one of the server's own users.
  if (owner.directoryId === null && narrowed.length === 0) return []
  const owners = candidates.filter(({ directory }) => directory.id === owner.directoryId)
  // Who names a domain hears why the name is taken, if the password is right.
  return owners.length === 0 && narrowed.length > 0 ? candidates : owners
}

/** `alice` for `alice@corp.example` and `CORP\alice`, if that is this directory's domain. */
function nameInDomain(userName: string, { settings }: LdapKind): string | undefined {
  const [, before, behind] = /^([^\\]+)\\(.+)$/.exec(userName) ?? []
  if (before !== undefined) return isDomain(before, settings) ? behind : undefined
  const [, name, domain] = /^(.+)@([^@]+)$/.exec(userName) ?? []
  return domain !== undefined && isDomain(domain, settings) ? name : undefined
}

function isDomain(text: string, { domain, netbiosName }: LdapKind['settings']): boolean {
  return [domain, netbiosName].some((each) => each?.toLowerCase() === text.toLowerCase())
}

/**
 * Makes the directory's user one here, or finds who it was before. Throws UNAUTHORIZED, saying why,
 * if that is not possible: nobody is ever taken for another.
 */
export async function admitUser(
  db: Db,
  input: {
    readonly directory: Pick<EnabledDirectory, 'id' | 'name'>
    readonly user: DirectoryUser
    readonly create: boolean
  },
): Promise<number> {
  const { directory, user, create } = input
  try {
    return await db.write(admitDirectoryUser, {
      directoryId: directory.id,
      directoryName: directory.name,
      facts: factsOf(user),
      create,
    })
  } catch (error) {
    const isRefusal =
      error instanceof RegistryError && /^(?:CONFLICT|DENIED|REQUEST_INVALID)$/.test(error.code)
    throw isRefusal ? new RegistryError('UNAUTHORIZED', error.message, { cause: error }) : error
  }
}

/** Throws REQUEST_INVALID for a name that no user can have here. */
export function factsOf(user: DirectoryUser): DirectoryFacts {
  const { externalId, stableIdPrefix, displayName, email, groups } = user
  return {
    ...parseUserName(user.name),
    ...{ externalId, stableIdPrefix },
    displayName: displayName.slice(0, 200),
    email: email.slice(0, 200),
    groupKeys: groups.map((group) => accessName(group).key),
  }
}

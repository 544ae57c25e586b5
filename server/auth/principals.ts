import { type ApiKey, asFormer, findApiKey, findApiKeyBySecretHash } from '../db/api-keys.ts'
import type { Queries } from '../db/database.ts'
import { groupIdsOfUser } from '../db/group-members.ts'
import { listRules } from '../db/rules.ts'
import { findUser, findUserByKey, type UserAccount } from '../db/users.ts'
import type { Principal } from '../domain/permission.ts'
import {
  type ApplicableRules,
  anonymousGroups,
  authenticatedGroups,
  type Rule,
  rulesFor,
} from '../domain/rule.ts'
import { rightsOfKey } from './key-rights.ts'
import type { PasswordAccount } from './password.ts'
import { chain, createRecent, type MaybePromise } from './recent.ts'

/** Who something was issued for, and for which version of its credentials. */
export interface CredentialOwner {
  readonly kind: 'user' | 'key'
  readonly id: number
  readonly credentialVersion: number
}

/** A user who may log in. */
export interface Login {
  readonly principal: Principal
  readonly account: PasswordAccount
}

/** At once, if all that it takes has been read less than a second ago. */
type Maybe<T> = MaybePromise<T | undefined>

/** Principals as they are now, or were less than a second ago. Who may not log in is not found. */
export interface Principals {
  /** Whoever sends no credentials. */
  getAnonymous(): Promise<Principal>
  /** The owner of a token, while its credentials are the ones the token was issued for. */
  findOwner(owner: CredentialOwner): Maybe<Principal>
  /**
   * One of the server's own users: a directory's has no password here. `fresh`: as it is now, for
   * what outlives this second, and before a password counts as wrong.
   */
  findLogin(userKey: string, freshness?: 'fresh'): Promise<Login | undefined>
  /** Who has just logged in with a directory; `fresh` as for `findLogin`. */
  findUser(id: number, freshness?: 'fresh'): Promise<Principal | undefined>
  /** The API key with this secret. Only who has the secret learns why it is good for nothing. */
  findBySecretHash(secretHash: string): Promise<Principal | UselessKey | undefined>
}

/** Why a key that was not revoked opens nothing. */
export type UselessKey = 'expired' | 'disabled'

export interface PrincipalsOptions {
  readonly read: Queries
  /**
   * Asked before anything counts that was issued for a directory's user; throws if the directory
   * does not vouch for that user any more.
   */
  readonly confirm?: (account: UserAccount) => Promise<void>
  /** Milliseconds since 1970, for the expiry of keys. */
  readonly now: () => number
  /** A clock that never goes back, for the age of what was read. */
  readonly monotonicMs?: () => number
}

/** Rights are those of rules at most a second old; a little is kept for the reading itself. */
const maxAgeMs = 900
const maxEntries = 10_000
const noRules: readonly Rule[] = []

/** A user with the groups that it is in. */
interface Member {
  readonly account: UserAccount
  readonly groupIds: readonly number[]
}

export function openPrincipals(options: PrincipalsOptions): Principals {
  const { read, confirm, now, monotonicMs = () => performance.now() } = options
  const recent = <K extends string | number, V>(load: (key: K) => Promise<V | undefined>) =>
    createRecent({ load, maxAgeMs, maxEntries, monotonicMs })
  const member = async (account: UserAccount | undefined): Promise<Member | undefined> =>
    account && { account, groupIds: await groupIdsOfUser(read, account.id) }

  const userById = recent(async (id: number) => member(await findUser(read, id)))
  const userByKey = recent(async (key: string) => member(await findUserByKey(read, key)))
  const keyById = recent((id: number) => findApiKey(read, id))
  const keyByHash = recent((hash: string) => findApiKeyBySecretHash(read, hash))
  const allRules = recent((_: 'all') => listRules(read))
  const readRules = () => chain(allRules('all'), (rules) => rules ?? noRules)

  const principalOfUser = once(ofUser)
  const principalOfKey = once((key: ApiKey, rules) => ofKey(key, rules, null))
  const anonymous = once((_: object, rules) => ofAnonymous(rules))
  const nobody = {}

  const findUserPrincipal = (found: Member | undefined): Maybe<Principal> => {
    if (!found?.account.active) return undefined
    const make = () => chain(readRules(), (rules) => principalOfUser(found, rules))
    if (found.account.directoryId === null || confirm === undefined) return make()
    return confirm(found.account).then(make)
  }

  const findKeyPrincipal = (key: ApiKey | undefined): Maybe<Principal | UselessKey> => {
    if (!key?.active) return undefined
    if (!key.enabled) return 'disabled'
    if (key.type === 'personal') return findPersonalKeyPrincipal(key)
    if (hasExpired(key, now())) return 'expired'
    return chain(readRules(), (rules) => principalOfKey(key, rules))
  }

  const findPersonalKeyPrincipal = async (
    key: ApiKey,
  ): Promise<Principal | UselessKey | undefined> => {
    const owner = await findUserPrincipal(await userById(key.userId ?? 0))
    if (owner === undefined) return undefined
    return hasExpired(key, now()) ? 'expired' : ofKey(key, await readRules(), owner.rules)
  }

  return {
    getAnonymous: async () => anonymous(nobody, await readRules()),
    findOwner({ kind, id, credentialVersion }) {
      const ifCurrent = (found: Principal | UselessKey | undefined) => {
        if (found === undefined || typeof found === 'string') return undefined
        return found.credentialVersion === credentialVersion ? found : undefined
      }
      if (kind === 'user') {
        const found = chain(userById(id), (known) =>
          isOlderThan(credentialVersion, known) ? userById(id, 'fresh') : known,
        )
        return chain(chain(found, findUserPrincipal), ifCurrent)
      }
      const key = keyById(id)
      const found = chain(key, (known) => findKeyPrincipal(ofVersion(known, credentialVersion)))
      return chain(found, ifCurrent)
    },
    async findLogin(key, freshness) {
      const found = await userByKey(key, freshness)
      if (found === undefined || found.account.directoryId !== null) return undefined
      const principal = await findUserPrincipal(found)
      return principal && { principal, account: found.account }
    },
    findUser: async (id, freshness) => findUserPrincipal(await userById(id, freshness)),
    findBySecretHash: async (secretHash) => findKeyPrincipal(await keyByHash(secretHash)),
  }
}

/** What is made of something that was read and of the rules: once for both, not once a request. */
function once<S extends object>(work: (source: S, rules: readonly Rule[]) => Principal) {
  const known = new WeakMap<S, { readonly rules: readonly Rule[]; readonly made: Principal }>()
  return (source: S, rules: readonly Rule[]): Principal => {
    const last = known.get(source)
    if (last?.rules === rules) return last.made
    const made = work(source, rules)
    known.set(source, { rules, made })
    return made
  }
}

function ofAnonymous(rules: readonly Rule[]): Principal {
  const caller = { userId: null, groupIds: [], virtualGroups: anonymousGroups }
  return {
    kind: 'anonymous',
    id: 0,
    name: 'Anonymous',
    credentialVersion: 0,
    rules: rulesFor(caller, rules),
    bounds: null,
  }
}

function ofUser({ account, groupIds }: Member, rules: readonly Rule[]): Principal {
  const caller = { userId: account.id, groupIds, virtualGroups: authenticatedGroups }
  return {
    kind: 'user',
    id: account.id,
    name: account.name,
    credentialVersion: account.credentialVersion,
    rules: rulesFor(caller, rules),
    bounds: null,
  }
}

function ofKey(key: ApiKey, rules: readonly Rule[], ownerRules: ApplicableRules | null): Principal {
  return {
    kind: 'key',
    id: key.id,
    name: key.displayName === '' ? `API key ${key.id}` : `API key ${key.id} (${key.displayName})`,
    credentialVersion: key.credentialVersion,
    ...rightsOfKey(key, { rules, ownerRules }),
  }
}

/** What was issued for the former secret of a key is good as long as that is. */
function ofVersion(key: ApiKey | undefined, version: number): ApiKey | undefined {
  if (key === undefined || key.secondExpiresAt === null) return key
  return version === key.credentialVersion - 1 ? asFormer(key) : key
}

/** What was issued for a version came after the user was read: the user has changed since. */
function isOlderThan(credentialVersion: number, known: Member | undefined): boolean {
  return known !== undefined && known.account.credentialVersion < credentialVersion
}

function hasExpired({ expiresAt }: ApiKey, now: number): boolean {
  return expiresAt !== null && expiresAt <= now
}

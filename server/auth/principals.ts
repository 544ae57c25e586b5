import { type ApiKey, findApiKey, findApiKeyBySecretHash } from '../db/api-keys.ts'
import type { Queries } from '../db/database.ts'
import { findUser, findUserByKey, type UserAccount } from '../db/users.ts'
import type { Principal } from '../domain/permission.ts'
import { grantsOfApiKey } from './api-key.ts'
import type { PasswordAccount } from './password.ts'
import { createRecent, whenLoaded } from './recent.ts'

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

/** Principals as they are now, or were less than a second ago. Who may not log in is not found. */
export interface Principals {
  /** The owner of a token, while its credentials are the ones the token was issued for. */
  findOwner(owner: CredentialOwner): Principal | undefined | Promise<Principal | undefined>
  findLogin(userKey: string): Promise<Login | undefined>
  findBySecretHash(secretHash: string): Promise<Principal | undefined>
}

export interface PrincipalsOptions {
  readonly read: Queries
  /** Milliseconds since 1970, for the expiry of keys. */
  readonly now: () => number
  /** A clock that never goes back, for the age of what was read. */
  readonly monotonicMs?: () => number
}

/** Rights are those of rules at most a second old; a little is kept for the reading itself. */
const maxAgeMs = 900
const maxEntries = 10_000

export function openPrincipals(options: PrincipalsOptions): Principals {
  const { read, now, monotonicMs = () => performance.now() } = options
  const recent = <K extends string | number, V>(load: (key: K) => Promise<V | undefined>) =>
    createRecent({ load, maxAgeMs, maxEntries, monotonicMs })

  const userById = recent((id: number) => findUser(read, id))
  const userByKey = recent((key: string) => findUserByKey(read, key))
  const keyById = recent((id: number) => findApiKey(read, id))
  const keyByHash = recent((hash: string) => findApiKeyBySecretHash(read, hash))

  return {
    findOwner({ kind, id, credentialVersion }) {
      const ifCurrent = (principal: Principal | undefined) =>
        principal?.credentialVersion === credentialVersion ? principal : undefined
      return kind === 'user'
        ? whenLoaded(userById(id), (user) => ifCurrent(ofUser(user)))
        : whenLoaded(keyById(id), (key) => ifCurrent(ofKey(key, now())))
    },
    async findLogin(key) {
      const user = await userByKey(key)
      const principal = ofUser(user)
      return user && principal && { principal, account: user }
    },
    async findBySecretHash(secretHash) {
      return ofKey(await keyByHash(secretHash), now())
    },
  }
}

function ofUser(user: UserAccount | undefined): Principal | undefined {
  if (user === undefined || !user.active) return undefined
  return {
    kind: 'user',
    id: user.id,
    name: user.name,
    credentialVersion: user.credentialVersion,
    grants: user.administrator ? [{ attributes: 'all', feedId: null }] : [],
  }
}

function ofKey(key: ApiKey | undefined, now: number): Principal | undefined {
  if (key === undefined || !key.active) return undefined
  if (key.expiresAt !== null && key.expiresAt <= now) return undefined
  return {
    kind: 'key',
    id: key.id,
    name: key.displayName === '' ? `API key ${key.id}` : `API key ${key.id} (${key.displayName})`,
    credentialVersion: key.credentialVersion,
    grants: grantsOfApiKey(key),
  }
}

import { type Authenticator, openAuthenticator } from '../../server/auth/authenticate.ts'
import type { Passwords } from '../../server/auth/password.ts'
import { openPrincipals, type Principals } from '../../server/auth/principals.ts'
import { openTokens, type Tokens } from '../../server/auth/token.ts'
import type { Db } from '../../server/db/database.ts'
import { insertPermission } from '../../server/db/permissions.ts'
import { ensureStore } from '../../server/db/stores.ts'
import { insertUser } from '../../server/db/users.ts'
import { accessName } from '../../server/domain/access-name.ts'
import type { Actor } from '../../server/domain/actor.ts'
import { parseUserName } from '../../server/domain/user-name.ts'
import { createFeed, type Feed } from '../../server/registry/feeds.ts'
import { cheapPasswords as passwords } from './passwords.ts'

/** Who does what tests prepare. */
export const tests: Actor = { name: 'tests', address: null }

/** Everything that finds out who is calling, over a database, with a clock that tests move. */
export interface Accounts {
  readonly db: Db
  /** Who prepares. */
  readonly by: Actor
  readonly principals: Principals
  readonly passwords: Passwords
  readonly tokens: Tokens
  readonly authenticator: Authenticator
  /** Moves both clocks forward. */
  pass(milliseconds: number): void
  addUser(name: string, password: string, administrator?: boolean): Promise<number>
  addFeed(name: string, alternateNames?: readonly string[]): Promise<Feed>
}

export async function openAccounts(db: Db, key = new Uint8Array(32).fill(7)): Promise<Accounts> {
  let passedMs = 0
  const now = () => Date.now() + passedMs
  const monotonicMs = () => performance.now() + passedMs
  const principals = openPrincipals({ read: db.read, now, monotonicMs })
  const tokens = await openTokens({ key, now })
  return {
    db,
    by: tests,
    principals,
    passwords,
    tokens,
    authenticator: openAuthenticator({ db, principals, passwords, tokens }),
    pass(milliseconds) {
      passedMs += milliseconds
    },
    async addUser(name, password, administrator = false) {
      const id = await db.write(insertUser, {
        ...parseUserName(name),
        displayName: name,
        email: '',
        passwordHash: await passwords.hash(password),
      })
      if (id === null) throw new Error(`There is a user named ${name} already.`)
      if (administrator) {
        await db.write(insertPermission, {
          ...{ task: accessName('Administer'), scope: { kind: 'everything' }, deny: false },
          ...{ principal: { kind: 'user', name: accessName(name) }, by: tests },
        })
      }
      return id
    },
    async addFeed(name, alternateNames = []) {
      const store = await db.write(ensureStore, { type: 'disk', settings: '{"path":"blobs"}' })
      return await createFeed({ db, storeId: store.id, by: 'test' }, { name, alternateNames })
    },
  }
}

export function basic(userName: string, password: string): string {
  return `Basic ${Buffer.from(`${userName}:${password}`).toString('base64')}`
}

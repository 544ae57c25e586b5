import type { Actor } from '../domain/actor.ts'
import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { type Params, prepared } from './prepared.ts'
import { greatest, nowMs, nowMsOnce } from './sql.ts'
import { findUser, forgetLogins } from './users.ts'

/** A login of the web pages. Times are milliseconds of the database's clock. */
export interface Session {
  readonly id: number
  readonly userId: number
  readonly credentialVersion: number
  readonly address: string
  readonly userAgent: string
  readonly createdAt: number
  readonly lastUsedAt: number
  readonly expiresAt: number
}

const columns = [
  'sessions.id',
  'sessions.user_id as userId',
  'sessions.credential_version as credentialVersion',
  'sessions.address',
  'sessions.user_agent as userAgent',
  'sessions.created_at as createdAt',
  'sessions.last_used_at as lastUsedAt',
  'sessions.expires_at as expiresAt',
] as const

const bySecretHash = prepared((db: Queries, p: Params<{ secretHash: string }>) =>
  db
    .selectFrom('sessions')
    .innerJoin('users', (join) =>
      join
        .onRef('users.id', '=', 'sessions.user_id')
        .onRef('users.credential_version', '=', 'sessions.credential_version'),
    )
    .select(columns)
    .where('sessions.secret_hash', '=', p.secretHash)
    .where('users.active', '=', 1),
)

/** The session, while its user may log in and has the password that it began with. */
export async function findSession(db: Queries, secretHash: string): Promise<Session | undefined> {
  return await bySecretHash.find(db, { secretHash })
}

/** A user's sessions, the newest first. */
export async function listSessions(
  db: Queries,
  { userId, count }: { readonly userId: number; readonly count: number },
): Promise<Session[]> {
  return await db
    .selectFrom('sessions')
    .innerJoin('users', (join) =>
      join
        .onRef('users.id', '=', 'sessions.user_id')
        .onRef('users.credential_version', '=', 'sessions.credential_version'),
    )
    .select(columns)
    .where('sessions.user_id', '=', userId)
    .orderBy('sessions.id', 'desc')
    .limit(count)
    .execute()
}

export interface NewSession {
  readonly secretHash: string
  /** Of the session that this one takes the place of; null: of none. */
  readonly replacedHash: string | null
  readonly userId: number
  readonly credentialVersion: number
  readonly address: string
  readonly userAgent: string
  readonly lifetimeMs: number
}

/** Of more at once the oldest end. */
const maxSessionsPerUser = 100

/** The new session. Throws CONFLICT if the user is gone. */
export async function insertSession(trx: Queries, input: NewSession): Promise<Session> {
  if (input.replacedHash !== null) {
    await trx.deleteFrom('sessions').where('secret_hash', '=', input.replacedHash).execute()
  }
  const session = await trx
    .insertInto('sessions')
    .values((eb) => ({
      secret_hash: input.secretHash,
      user_id: input.userId,
      credential_version: input.credentialVersion,
      address: input.address,
      user_agent: input.userAgent,
      created_at: nowMs,
      last_used_at: nowMs,
      expires_at: eb(nowMs, '+', input.lifetimeMs),
    }))
    .returning(columns)
    .executeTakeFirstOrThrow()
  await endOldest(trx, input.userId)
  const { address } = input
  const { name: by } = await trx
    .selectFrom('users')
    .select('name')
    .where('id', '=', input.userId)
    .executeTakeFirstOrThrow()
  const detail = { session: session.id, userAgent: input.userAgent }
  await insertEvent(trx, { kind: 'session.begun', by, address, detail })
  return session
}

async function endOldest(trx: Queries, userId: number): Promise<void> {
  const kept = trx
    .selectFrom('sessions')
    .select('id')
    .where('user_id', '=', userId)
    .orderBy('id', 'desc')
    .limit(1)
    .offset(maxSessionsPerUser - 1)
  await trx.deleteFrom('sessions').where('user_id', '=', userId).where('id', '<', kept).execute()
}

/** Which session: the one with this secret, or one of a user by its number. */
export type SessionChoice =
  | { readonly secretHash: string }
  | { readonly userId: number; readonly id: number }

/** How many there were. `address`: where that was asked for. */
export async function deleteSessions(
  trx: Queries,
  choice: SessionChoice & { readonly address: string },
): Promise<number> {
  const all = trx.deleteFrom('sessions').returning(['id', 'user_id'])
  const ended = await ('secretHash' in choice
    ? all.where('secret_hash', '=', choice.secretHash)
    : all.where('user_id', '=', choice.userId).where('id', '=', choice.id)
  ).execute()
  for (const { id, user_id } of ended) {
    const user = await findUser(trx, user_id)
    const { address } = choice
    const event = { kind: 'session.ended', by: user?.name ?? '', address }
    await insertEvent(trx, { ...event, detail: { session: id } })
  }
  return ended.length
}

/**
 * Ends all sessions of the user, and with another version of the credentials all that was issued
 * for it: tokens, and what `docker login` keeps. How many sessions there were.
 */
export async function signOutEverywhere(
  trx: Queries,
  { userId, by }: { readonly userId: number; readonly by: Actor },
): Promise<number> {
  const user = await trx
    .updateTable('users')
    .set((eb) => ({ credential_version: eb('credential_version', '+', 1) }))
    .where('id', '=', userId)
    .returning('name')
    .executeTakeFirst()
  if (user === undefined) return 0
  await forgetLogins(trx, userId)
  const { numDeletedRows } = await trx
    .deleteFrom('sessions')
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow()
  const sessions = Number(numDeletedRows)
  await insertEvent(trx, {
    kind: 'user.signed-out',
    ...{ by: by.name, address: by.address },
    detail: { user: user.name, sessions },
  })
  return sessions
}

/** Notes when sessions were used; one that was used later, elsewhere, keeps that. */
export async function touchSessions(
  trx: Queries,
  input: { readonly uses: readonly { readonly id: number; readonly at: number }[] },
): Promise<void> {
  for (const { id, at } of input.uses) {
    await trx
      .updateTable('sessions')
      .set((eb) => ({ last_used_at: greatest(eb.ref('last_used_at'), at) }))
      .where('id', '=', id)
      .execute()
  }
}

/** Removes what has expired or was not used for so long; returns how many. */
export async function deleteEndedSessions(
  trx: Queries,
  { idleMs, limit }: { readonly idleMs: number; readonly limit: number },
): Promise<number> {
  const ended = await trx
    .selectFrom('sessions')
    .select('id')
    .where((eb) =>
      eb.or([
        eb('expires_at', '<=', nowMsOnce),
        eb('last_used_at', '<=', eb(nowMsOnce, '-', idleMs)),
      ]),
    )
    .orderBy('expires_at')
    .limit(limit)
    .execute()
  if (ended.length === 0) return 0
  const { numDeletedRows } = await trx
    .deleteFrom('sessions')
    .where(
      'id',
      'in',
      ended.map(({ id }) => id),
    )
    .executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}

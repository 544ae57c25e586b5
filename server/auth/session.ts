import type { Db } from '../db/database.ts'
import {
  deleteEndedSessions,
  deleteSessions,
  findSession,
  insertSession,
  listSessions,
  type Session,
  signOutEverywhere,
  touchSessions,
} from '../db/sessions.ts'
import type { Actor } from '../domain/actor.ts'
import type { Principal } from '../domain/permission.ts'
import { generateOpaqueSecret, hashOpaqueSecret } from './opaque-secret.ts'
import type { Principals } from './principals.ts'

export type { Session } from '../db/sessions.ts'

/** A session that was just used, and whose it is. */
export interface LiveSession {
  readonly session: Session
  readonly principal: Principal
}

export interface NewLogin {
  /** Who has proved to be this user. */
  readonly user: { readonly id: number; readonly credentialVersion: number }
  readonly address: string
  readonly userAgent: string
  /** The secret that the browser had before: a login ends that session, so that nobody can fix one. */
  readonly replaced: string | undefined
}

/**
 * Logins of the web pages. A session is a row and a secret of 256 random bits whose SHA-256 the
 * row has; the browser keeps the secret in a cookie. It is looked up at every request: ended ones,
 * and those of users with another password or without the right to log in, are out at once.
 */
export interface Sessions extends AsyncDisposable {
  begin(login: NewLogin): Promise<{ readonly secret: string; readonly session: Session }>
  /** Undefined for one that has ended, for whatever reason. */
  find(secret: string): Promise<LiveSession | undefined>
  /** Also if there is none. */
  end(secret: string, address: string): Promise<void>
  /** One of the user's, also if there is none of that number. */
  endOf(choice: { readonly userId: number; readonly id: number }, address: string): Promise<void>
  /** All of the user's, and all tokens that were issued for logins; how many sessions there were. */
  signOutEverywhere(userId: number, by: Actor): Promise<number>
  /** The user's own, the newest first. */
  list(userId: number, count: number): Promise<readonly Session[]>
  /** Writes down when sessions were used, and removes those that have ended. */
  flush(): Promise<void>
}

export interface SessionsOptions {
  readonly db: Db
  readonly principals: Pick<Principals, 'findOwner'>
  /** How long a session lives that nobody uses, and how long any lives. */
  readonly limits: { idleMs(): number; maxAgeMs(): number }
  readonly now: () => number
  readonly flushIntervalMs?: number
  readonly onError: (error: unknown) => void
}

const maxUserAgentLength = 300
const maxTouched = 1000

export function openSessions(options: SessionsOptions): Sessions {
  const { db, principals, limits, now, flushIntervalMs = 60_000, onError } = options
  /** When sessions were last used, where the row does not say so yet. */
  const used = new Map<number, number>()

  const isOver = ({ id, expiresAt, lastUsedAt }: Session) =>
    expiresAt <= now() || Math.max(lastUsedAt, used.get(id) ?? 0) + limits.idleMs() <= now()

  const flush = async () => {
    const uses = [...used].map(([id, at]) => ({ id, at }))
    used.clear()
    for (let start = 0; start < uses.length; start += maxTouched) {
      await db.write(touchSessions, { uses: uses.slice(start, start + maxTouched) })
    }
    await db.write(deleteEndedSessions, { idleMs: limits.idleMs(), limit: 1000 })
  }
  let flushing: Promise<void> = Promise.resolve()
  const flushInTurn = () => {
    flushing = flushing.then(flush)
    return flushing
  }
  const timer = setInterval(() => {
    flushInTurn().catch(onError)
  }, flushIntervalMs)
  timer.unref()

  return {
    async begin({ user, address, userAgent, replaced }) {
      const secret = generateOpaqueSecret('ents_')
      const session = await db.write(insertSession, {
        secretHash: hashOpaqueSecret('ents_', secret) ?? '',
        replacedHash: (replaced && hashOpaqueSecret('ents_', replaced)) ?? null,
        userId: user.id,
        credentialVersion: user.credentialVersion,
        address,
        userAgent: userAgent.slice(0, maxUserAgentLength),
        lifetimeMs: limits.maxAgeMs(),
      })
      return { secret, session }
    },
    async find(secret) {
      const secretHash = hashOpaqueSecret('ents_', secret)
      const session = secretHash && (await findSession(db.read, secretHash))
      if (!session || isOver(session)) return undefined
      const { userId: id, credentialVersion } = session
      const principal = await principals.findOwner({ kind: 'user', id, credentialVersion })
      if (principal === undefined) return undefined
      used.set(session.id, now())
      return { session: { ...session, lastUsedAt: now() }, principal }
    },
    async end(secret, address) {
      const secretHash = hashOpaqueSecret('ents_', secret)
      if (secretHash !== undefined) await db.write(deleteSessions, { secretHash, address })
    },
    async endOf(choice, address) {
      await db.write(deleteSessions, { ...choice, address })
    },
    signOutEverywhere: (userId, by) => db.write(signOutEverywhere, { userId, by }),
    async list(userId, count) {
      const sessions = await listSessions(db.read, { userId, count })
      return sessions
        .filter((session) => !isOver(session))
        .map((session) => ({
          ...session,
          lastUsedAt: Math.max(session.lastUsedAt, used.get(session.id) ?? 0),
        }))
    },
    flush: flushInTurn,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await flushInTurn().catch(onError)
    },
  }
}

import { beforeAll, expect, test } from 'vitest'
import { openAccounts } from '../../test/support/accounts.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { type AuditRecord, listEvents } from '../db/audit.ts'
import type { Db } from '../db/database.ts'
import { pruneEvents } from '../db/events.ts'
import { findUser } from '../db/users.ts'
import { openAuthenticator } from './authenticate.ts'
import { createBackOff } from './back-off.ts'
import { openLoginRecords } from './login-records.ts'

const password = 'correct horse'
const minuteMs = 60_000

describeDatabases('logins in the audit', (databases) => {
  let db: Db
  beforeAll(async () => {
    db = await databases.open()
  })

  async function logins() {
    const accounts = await openAccounts(db)
    let now = 0
    const monotonicMs = () => now
    const onError = (error: unknown) => {
      throw error
    }
    // Written when the test says so, however long the machine takes.
    const records = openLoginRecords({ db, monotonicMs, onError, flushIntervalMs: 3_600_000 })
    const backOff = createBackOff({ monotonicMs, onRefused: records.refused })
    return {
      ...accounts,
      records,
      authenticator: openAuthenticator({ ...accounts, backOff, records }),
      later(milliseconds: number) {
        now += milliseconds
      },
      [Symbol.asyncDispose]: () => records[Symbol.asyncDispose](),
    }
  }

  const eventsOf = async (address: string): Promise<AuditRecord[]> => {
    const page = { before: null, count: 1000, kind: 'login.*', by: null, feedId: null }
    const events = await listEvents(db.read, { ...page, from: null, to: null })
    return events.filter((event) => event.address === address).reverse()
  }
  const outcome = (attempt: Promise<unknown>) =>
    attempt.then(
      () => 'in',
      (error: { code: string }) => error.code,
    )

  test('of one account at one address one login in ten minutes is kept', async () => {
    await using server = await logins()
    const userId = await server.addUser('Ann', password)
    const from = '192.0.2.10'
    const origin = { address: from }
    for (let count = 0; count < 3; count += 1) {
      await server.authenticator.logIn('ann', password, origin)
      server.later(4 * minuteMs)
      await server.records.flush()
    }
    expect(await eventsOf(from)).toMatchObject([{ kind: 'login.succeeded', by: 'Ann' }])
    await server.authenticator.logIn('ann', password, origin)
    await server.authenticator.logIn('ann', password, { address: '192.0.2.11' })
    await server.records.flush()
    expect(await eventsOf(from)).toHaveLength(2)
    expect(await eventsOf('192.0.2.11')).toHaveLength(1)
    const { lastLoginAt } = (await findUser(db.read, userId)) ?? {}
    expect(Math.abs((lastLoginAt ?? 0) - Date.now())).toBeLessThan(minuteMs)
  })

  test('failures are counted, those that had to wait too, and what was typed is not kept', async () => {
    await using server = await logins()
    await server.addUser('Bob', password)
    const from = '192.0.2.20'
    const origin = { address: from }
    const secrets = ['Tr0ub4dor', 'hunter2hunter2']
    for (let count = 0; count < 7; count += 1) {
      const attempt = server.authenticator.logIn('bob', `${secrets[0]} ${count}`, origin)
      expect(await outcome(attempt)).toBe(count < 5 ? 'UNAUTHORIZED' : 'TOOMANYREQUESTS')
    }
    // Somebody types the password where the user name belongs.
    expect(await outcome(server.authenticator.logIn(secrets[1] ?? '', 'bob', origin))).toBe(
      'UNAUTHORIZED',
    )
    expect(await outcome(server.authenticator.logIn('api', 'ent_wrong', origin))).toBe(
      'UNAUTHORIZED',
    )
    await server.records.flush()
    const events = await eventsOf(from)
    expect(events.map(({ detail }) => JSON.parse(detail))).toEqual([
      { user: 'Bob', failed: 5, refused: 2 },
      { user: null, failed: 1, refused: 0 },
      { user: 'api', failed: 1, refused: 0 },
    ])
    expect(new Set(events.map(({ kind, by }) => `${kind} ${by}`))).toEqual(
      new Set(['login.failed Anonymous']),
    )
    for (const secret of [...secrets, 'ent_wrong']) {
      expect(JSON.stringify(await eventsOf(from))).not.toContain(secret)
    }
  })

  test('the next failures are written ten minutes later, or when the server stops', async () => {
    const from = '192.0.2.30'
    {
      await using server = await logins()
      await server.addUser('Eve', password)
      const fail = () => outcome(server.authenticator.logIn('eve', 'wrong', { address: from }))
      await fail()
      await server.records.flush()
      await fail()
      await fail()
      await server.records.flush()
      expect(await eventsOf(from)).toHaveLength(1)
      server.later(10 * minuteMs)
      await server.records.flush()
      await fail()
    }
    const counts = (await eventsOf(from)).map(({ detail }) => JSON.parse(detail).failed)
    expect(counts).toEqual([1, 2, 1])
  })

  test('old entries go, a part at a time', async () => {
    const before = await listEvents(db.read, {
      ...{ before: null, count: 1000, kind: null, by: null, feedId: null, from: null, to: null },
    })
    expect(before.length).toBeGreaterThan(3)
    expect(await db.write(pruneEvents, { maxAgeMs: 3_600_000, limit: 1000 })).toBe(0)
    expect(await db.write(pruneEvents, { maxAgeMs: -3_600_000, limit: 3 })).toBe(3)
    expect(await db.write(pruneEvents, { maxAgeMs: -3_600_000, limit: 1000 })).toBe(
      before.length - 3,
    )
  })
})

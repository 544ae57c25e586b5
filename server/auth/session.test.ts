import { expect, test } from 'vitest'
import { openAccounts } from '../../test/support/accounts.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { deleteEndedSessions } from '../db/sessions.ts'
import { findUserByKey } from '../db/users.ts'
import { openSessions } from './session.ts'

const minuteMs = 60_000
const limits = { idleMs: () => 30 * minuteMs, maxAgeMs: () => 120 * minuteMs }

describeDatabases('sessions', ({ open }) => {
  async function openWorld() {
    const db = await open()
    const accounts = await openAccounts(db)
    const id = await accounts.addUser('Ann', 'a long enough password')
    const user = await findUserByKey(db.read, 'ann')
    if (user === undefined) throw new Error('there is no Ann')
    let passedMs = 0
    const sessions = openSessions({
      db,
      principals: accounts.principals,
      limits,
      now: () => Date.now() + passedMs,
      onError: (error) => {
        throw error
      },
    })
    const begin = async (replaced?: string) =>
      (await sessions.begin({ user, address: '127.0.0.1', userAgent: 'x'.repeat(999), replaced }))
        .secret
    const pass = (ms: number) => {
      passedMs += ms
    }
    return { db, id, sessions, begin, pass }
  }

  test('a session lives while it is used, and not longer than its days', async () => {
    const { sessions, begin, pass } = await openWorld()
    const secret = await begin()
    for (let minutes = 0; minutes < 100; minutes += 20) {
      expect(await sessions.find(secret)).toBeDefined()
      pass(20 * minuteMs)
      // What another process knows of it.
      if (minutes === 40) await sessions.flush()
    }
    expect(await sessions.find(secret)).toBeDefined()
    pass(20 * minuteMs)
    expect(await sessions.find(secret)).toBeUndefined()
    await sessions[Symbol.asyncDispose]()
  })

  test('one that nobody uses ends', async () => {
    const { sessions, begin, pass, id } = await openWorld()
    const secret = await begin()
    pass(29 * minuteMs)
    expect(await sessions.find(secret)).toBeDefined()
    pass(30 * minuteMs)
    expect(await sessions.find(secret)).toBeUndefined()
    expect(await sessions.list(id, 10)).toEqual([])
    await sessions[Symbol.asyncDispose]()
  })

  test('the database has no secret, and use is written once a flush, not once a request', async () => {
    const { db, sessions, begin } = await openWorld()
    const secret = await begin()
    const row = () => db.read.selectFrom('sessions').selectAll().executeTakeFirstOrThrow()
    const before = await row()
    expect(JSON.stringify(before)).not.toContain(secret)
    expect(before.user_agent).toHaveLength(300)
    for (let i = 0; i < 5; i++) await sessions.find(secret)
    expect((await row()).last_used_at).toBe(before.last_used_at)
    await sessions.flush()
    expect((await row()).last_used_at).toBeGreaterThanOrEqual(before.last_used_at)
    await sessions[Symbol.asyncDispose]()
  })

  test('what no secret can be is not looked for, and ends nothing', async () => {
    const { sessions, begin, id } = await openWorld()
    const secret = await begin()
    for (const text of ['', 'ents_', secret.slice(0, -1), `${secret}x`, `' or 1=1 --`]) {
      expect(await sessions.find(text)).toBeUndefined()
      await sessions.end(text, '192.0.2.1')
    }
    expect(await sessions.list(id, 10)).toHaveLength(1)
    const by = { name: 'Ann', address: null }
    expect(await sessions.signOutEverywhere(id, by)).toBe(1)
    expect(await sessions.find(secret)).toBeUndefined()
    await sessions[Symbol.asyncDispose]()
  })

  test('what has ended is removed', async () => {
    const { db, sessions, begin } = await openWorld()
    await begin()
    expect(await db.write(deleteEndedSessions, { idleMs: 0, limit: 10 })).toBe(1)
    const left = await db.read.selectFrom('sessions').select('id').execute()
    expect(left).toEqual([])
    await sessions[Symbol.asyncDispose]()
  })
})

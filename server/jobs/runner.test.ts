import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { openContent } from '../../test/support/database-content.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import type { Db } from '../db/database.ts'
import { claimRun } from '../db/job-claims.ts'
import { listLog } from '../db/job-log.ts'
import { cancelRun, findRun, requestRun } from '../db/job-runs.ts'
import { type JobName, jobKinds } from './job-kind.ts'
import { JobRunner, type JobWork } from './runner.ts'

const by = { name: 'ann', address: null }
const log = { info: () => {}, error: () => {} }

describeDatabases('the runner of jobs', (databases) => {
  let db: Db
  beforeAll(async () => {
    db = (await openContent(databases)).db
  })
  let lastFeedId = 0
  const newFeedId = () => {
    lastFeedId += 1
    return lastFeedId
  }

  /** Every kind does the same. */
  const runner = (work: JobWork, times: { leaseMs?: number; beatMs?: number } = {}) => {
    const names = Object.keys(jobKinds) as JobName[]
    const all = Object.fromEntries(names.map((name) => [name, work])) as Record<JobName, JobWork>
    return new JobRunner({ db, log, work: all, leaseMs: 5000, beatMs: 10, ...times })
  }
  const ask = (feedId = newFeedId(), params: Record<string, string> = {}) =>
    db.write(requestRun, { kind: 'FeedCleanup', feedId, feedName: `feed ${feedId}`, params, by })
  const until = async (id: number, state: string) => {
    for (;;) {
      const run = await findRun(db.read, id)
      if (run?.state === state) return run
      await sleep(5)
    }
  }

  test('runs what was asked for, and keeps what it tells', async () => {
    const feedId = newFeedId()
    const { id } = await ask(feedId)
    expect(await ask(feedId)).toEqual({ id })
    await using jobs = runner(async (_, report) => {
      report.info('one')
      report.fault('the second', new Error('is broken'))
      report.count('blobs', 2)
      report.count('blobs', 3)
    })
    await jobs.wake()
    const run = await until(id, 'succeeded')
    expect(run).toMatchObject({ counts: '{"blobs":5}', errorCount: 1, attempts: 1, error: null })
    const lines = await listLog(db.read, { runId: id, after: 0, count: 10 })
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ['info', 'one'],
      ['error', 'the second: is broken'],
    ])
  })

  test('what fails is told, and the next one runs', async () => {
    const first = await ask()
    const second = await ask()
    await using jobs = runner(async (run) => {
      if (run.id === first.id) throw new Error('no luck')
    })
    await jobs.wake()
    expect(await until(first.id, 'failed')).toMatchObject({ error: 'no luck', errorCount: 1 })
    await until(second.id, 'succeeded')
  })

  test('several processes never run one job twice at a time', async () => {
    let now = 0
    let most = 0
    const done: number[] = []
    const work: JobWork = async (run) => {
      now += 1
      most = Math.max(most, now)
      await sleep(5)
      done.push(run.id)
      now -= 1
    }
    const runners = Array.from({ length: 4 }, () => runner(work))
    const ids: number[] = []
    const feedId = newFeedId()
    for (let at = 0; at < 8; at += 1) ids.push((await ask(feedId, { step: `${at}` })).id)
    while (done.length < ids.length) {
      await Promise.all(runners.map((each) => each.wake()))
      await sleep(1)
    }
    for (const id of ids) await until(id, 'succeeded')
    expect(most).toBe(1)
    expect(done.toSorted((a, b) => a - b)).toEqual(ids)
    for (const each of runners) await each[Symbol.asyncDispose]()
  })

  test('a run of a process that has died is taken over, and goes on where that was', async () => {
    const { id } = await ask()
    // The process that never beats.
    expect((await db.write(claimRun, { owner: 'dead', leaseMs: 200, busyKinds: [] }))?.id).toBe(id)
    const seen: number[] = []
    await using jobs = runner(async (run) => {
      seen.push(run.attempts)
    })
    await jobs.wake()
    expect(seen).toEqual([])
    await sleep(250)
    await jobs.wake()
    await until(id, 'succeeded')
    expect(seen).toEqual([2])
  })

  test('whoever lost a run stops, and does not end it', async () => {
    const { id } = await ask()
    let stopped = false
    await using slow = runner(
      async (_, report) => {
        while (!report.signal.aborted) await sleep(5)
        stopped = true
      },
      { leaseMs: 1, beatMs: 150 },
    )
    await slow.wake()
    await sleep(20)
    const other = { owner: 'other', leaseMs: 3_600_000, busyKinds: [] }
    expect((await db.write(claimRun, other))?.id).toBe(id)
    while (!stopped) await sleep(5)
    await sleep(20)
    expect(await findRun(db.read, id)).toMatchObject({ state: 'running', attempts: 2 })
  })

  test('is cancelled while it waits, and while it runs', async () => {
    const waiting = await ask()
    expect(await db.write(cancelRun, { id: waiting.id, by })).toBe('cancelled')
    const { id } = await ask()
    await using jobs = runner(async (_, report) => {
      while (!report.signal.aborted) await sleep(5)
    })
    await jobs.wake()
    await until(id, 'running')
    expect(await db.write(cancelRun, { id, by })).toBe('cancelling')
    await until(id, 'cancelled')
    expect(await db.write(cancelRun, { id, by })).toBe('ended')
    expect(await db.write(cancelRun, { id: 999_999, by })).toBeUndefined()
    expect((await findRun(db.read, waiting.id))?.startedAt).toBeNull()
  })

  test('a stop lets go of what runs; the next process goes on', async () => {
    const { id } = await ask()
    const work: JobWork = async (_, report) => {
      report.checkpoint('half')
      while (!report.signal.aborted) await sleep(5)
    }
    const first = runner(work)
    await first.wake()
    await until(id, 'running')
    await first[Symbol.asyncDispose]()
    expect(await findRun(db.read, id)).toMatchObject({
      ...{ state: 'queued', resume: 'half', attempts: 0 },
    })
    const seen: (string | null)[] = []
    await using second = runner(async (_, report) => {
      seen.push(report.resume)
    })
    await second.wake()
    await until(id, 'succeeded')
    expect(seen).toEqual(['half'])
  })

  test('what ended its process five times is not begun again', async () => {
    const { id } = await ask()
    for (let at = 0; at < 5; at += 1) {
      expect((await db.write(claimRun, { owner: `${at}`, leaseMs: -1, busyKinds: [] }))?.id).toBe(
        id,
      )
    }
    await using jobs = runner(async () => {
      throw new Error('begun')
    })
    await jobs.wake()
    expect((await until(id, 'failed')).error).toContain('5 times')
  })
})

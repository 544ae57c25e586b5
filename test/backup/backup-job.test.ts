import path from 'node:path'
import { expect, test } from 'vitest'
import type { ServerHealth } from '../../contract/health.ts'
import type { JobInfo } from '../../contract/jobs.ts'
import { logOf, runJob } from '../cleanup/cleaner.ts'
import { fileOf, flipByte } from '../cleanup/stored-files.ts'
import { manage, openWorld, type World } from '../cleanup/world.ts'
import { image } from '../support/content.ts'
import { pushImage } from '../support/push.ts'
import { noBucket, startServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { pull, restoreFrom, serve, tableOf } from './backups.ts'

const jobTimes = { tickMs: 50, beatMs: 50 }

test('a backup is a job, whose last success can be seen', async () => {
  await using place = makeTemporaryFolder('backup-job')
  const folder = path.join(place.path, 'backup')
  const backup = { to: folder, keep: 2, bytesPerSecond: 0, s3: noBucket }
  await using server = await startServer({ backup }, { jobTimes })
  const world = worldOf(server)
  const health = () => manage<ServerHealth>(world, 'GET', '/health/json')
  await expect
    .poll(() => findJob(world), { timeout: 20_000 })
    .toMatchObject({
      ...{ schedule: '30 2 * * *', enabled: true, lastSuccess: null },
    })
  expect(await health()).toMatchObject({
    ...{ lastBackup: null, backupWarning: 'No backup has been made yet.' },
  })
  expect(await metricOf(world)).toBe(0)
  await pushImage(tableOf(server), 'main/app', image('first'), ['1'])
  for (let run = 0; run < 3; run += 1) await runJob(world, 'job=Backup')
  expect(world.faults).toEqual([])
  const { lastRun, lastSuccess } = (await findJob(world)) ?? {}
  expect(lastRun?.counts).toEqual({ alreadyThere: 3, snapshotsRemoved: 1 })
  expect(lastSuccess).toBe(lastRun?.endedAt)
  // What it says holds for a second.
  await expect.poll(health, { timeout: 5000 }).toMatchObject({ backupWarning: null })
  const whole = await health()
  expect(await metricOf(world)).toBeCloseTo(Date.parse(whole.lastBackup ?? '') / 1000, 0)
  await restoreFrom(folder, path.join(place.path, 'restored'))
  await using second = await serve(path.join(place.path, 'restored'))
  expect(await pull(second, 'main/app', 'first')).toEqual(['whole', 'whole', 'whole', 'whole'])

  await pushImage(tableOf(server), 'main/app', image('later'), ['2'])
  const { digest } = image('later').config
  flipByte(fileOf(server.config.dataDir, digest))
  const run = await runJob(world, 'job=Backup')
  expect(run).toMatchObject({ state: 'failed', error: expect.stringContaining('lacks 1 blob') })
  expect(await logOf(world, run)).toContain(`The blob ${digest} is not in the backup (main/app:2)`)
  expect((await findJob(world))?.lastSuccess).toBe(lastSuccess)
  await expect.poll(health, { timeout: 5000 }).toMatchObject({
    lastBackup: whole.lastBackup,
    backupWarning: expect.stringMatching(/^The last backup failed, or lacks something/),
  })
  world.agent.destroy()
})

test('nothing is scheduled where nobody said where to', async () => {
  await using server = await startServer({}, { jobTimes })
  const world = worldOf(server)
  const run = await runJob(world, 'job=Backup')
  expect(run).toMatchObject({ state: 'failed', error: expect.stringContaining('set backup-to') })
  expect(await findJob(world)).toBeUndefined()
  const { backupWarning } = await manage<ServerHealth>(world, 'GET', '/health/json')
  expect(backupWarning).toBeNull()
  world.agent.destroy()
})

function worldOf({ url, admin }: { readonly url: string; readonly admin: string }): World {
  return openWorld({ url, authorization: admin, graceMs: 0, repositories: [] })
}

async function findJob(world: World): Promise<JobInfo | undefined> {
  const jobs = await manage<JobInfo[]>(world, 'GET', '/api/jobs/list')
  return jobs.find(({ job }) => job === 'Backup')
}

async function metricOf({ url, authorization }: World): Promise<number> {
  const answer = await fetch(`${url}/metrics`, { headers: { authorization } })
  const line = /^entrepot_backup_last_success_timestamp_seconds (\S+)$/m.exec(await answer.text())
  return Number(line?.[1])
}

import { expect, test } from 'vitest'
import { holdNow, releaseNow } from '../../server/administration/backup.ts'
import { runJob } from '../cleanup/cleaner.ts'
import { storedFiles } from '../cleanup/stored-files.ts'
import { openWorld } from '../cleanup/world.ts'
import { image } from '../support/content.ts'
import { pushImage } from '../support/push.ts'
import { startServer } from '../support/server.ts'
import { send } from '../support/wire.ts'
import { tableOf } from './backups.ts'

test('a hold keeps clean-up from what is freed meanwhile', async () => {
  await using server = await startServer({}, { jobTimes: { tickMs: 50, beatMs: 50 } })
  const { url, admin: authorization } = server
  const headers = { authorization }
  const world = openWorld({ url, authorization, graceMs: 0, repositories: ['main/app'] })
  const set = '/api/settings/set?name=Cleanup.GraceSeconds&value=0'
  await send(url, { method: 'POST', target: set, headers })
  const cleanUp = () => runJob(world, 'job=FeedCleanup&feed=main')
  const held = image('held')
  await pushImage(tableOf(server), 'main/app', held, ['h'])
  const { id } = await holdNow(server.config, 1)
  const files = storedFiles(server.config.dataDir).length
  const target = `/v2/main/app/manifests/${held.manifest.digest}`
  expect((await send(url, { method: 'DELETE', target, headers })).status).toBe(202)
  await cleanUp()
  await cleanUp()
  expect(storedFiles(server.config.dataDir)).toHaveLength(files)
  await releaseNow(server.config, id)
  await expect(releaseNow(server.config, id)).rejects.toThrow(`no hold ${id}, or it has ended`)
  await cleanUp()
  expect(storedFiles(server.config.dataDir)).toHaveLength(files - 3)
  world.agent.destroy()
})

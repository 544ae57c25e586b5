import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { contentOperations, type OperationTarget } from '../../test/support/content-operations.ts'
import {
  contentWrites,
  type DatabaseContent,
  digestFor,
  hourMs,
  openContent,
} from '../../test/support/database-content.ts'
import { postgresDatabases } from '../../test/support/databases.ts'
import { keepUploadAlive } from './keep-alive.ts'
import { promiseManifest } from './manifests.ts'
import { purgeIdle } from './upload-purge.ts'
import { claimUpload, findUpload, type UploadRecord } from './uploads.ts'

// What the clean-up protocol says of locks, seen from a transaction of somebody else.
const missing = inject('postgresMissing')

describe.skipIf(missing !== '')(`locks on PostgreSQL ${missing}`, () => {
  const databases = postgresDatabases()
  let content: DatabaseContent
  let other: pg.Client
  let target: OperationTarget
  beforeAll(async () => {
    const url = await databases.newUrl()
    content = await openContent({ ...databases, open: () => databases.open({ url, writes }) })
    other = new pg.Client({ connectionString: url })
    await other.connect()
    await content.pushBlob('blob')
    await content.pushBlob('blob', { repository: 'source' })
    await content.put(content.manifest('manifest', { tags: ['v1'] }))
    const { feedId } = content
    target = { name: 'app', feedId, id: await content.repositoryId('app') }
  })
  afterAll(async () => {
    await other?.end()
  })
  const writes = contentWrites

  /** Whether the write waits while the other transaction holds what it locked. */
  const waitsFor = async (lock: string, write: () => Promise<unknown>, meanwhile = 'select 1') => {
    await other.query('begin')
    await other.query(lock)
    const state = { done: false }
    const writing = write().then(() => {
      state.done = true
    })
    for (let turn = 0; turn < 30 && !state.done && !(await isWaiting()); turn += 1) await wait(20)
    const waited = !state.done
    await other.query(meanwhile)
    await other.query('commit')
    await writing
    return waited
  }
  const isWaiting = async () => {
    const { rows } = await other.query(`select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`)
    return rows.length > 0
  }
  const repository = (strength: string) =>
    `select 1 from repositories where id = ${target.id} for ${strength}`
  const start = async () => {
    const upload = await content.db.write(claimUpload, await content.startUpload())
    if (!upload) throw new Error('the upload is gone')
    return upload
  }
  const source = async () => ({ ...target, id: await content.repositoryId('source') })

  const says = { required: [], optional: [], children: [], subject: null }
  const turns: readonly [string, () => Promise<unknown>][] = [
    ['a manifest push', () => contentOperations(content).put(target, 'manifest', says, [])],
    ['a new tag', () => contentOperations(content).createTag(target, 'v2', 'manifest')],
    ['the end of a tag', () => contentOperations(content).deleteTag(target, 'v2')],
    ['the end of a manifest', () => contentOperations(content).deleteManifest(target, 'none')],
    ['the end of a blob', () => contentOperations(content).deleteLink(target, 'none')],
  ]
  test.each(turns)('%s takes turns in its repository', async (_, write) => {
    expect(await waitsFor(repository('no key update'), write)).toBe(true)
    expect(await waitsFor(repository('share'), write)).toBe(true)
  })

  test('commits and mounts wait for those, but not for each other', async () => {
    const upload = await start()
    const commit = () => content.commit(upload, digestFor('blob'))
    expect(await waitsFor(repository('no key update'), commit)).toBe(true)
    const second = await start()
    const commitSecond = () => content.commit(second, digestFor('blob'))
    expect(await waitsFor(repository('share'), commitSecond)).toBe(false)
    const from = await source()
    const mount = () => contentOperations(content).mount(target, from, 'blob')
    expect(await waitsFor(repository('no key update'), mount)).toBe(true)
    expect(await waitsFor(repository('share'), mount)).toBe(false)
  })

  test('a mount holds off whoever is taking the blob away', async () => {
    const from = await source()
    const mount = () => contentOperations(content).mount(target, from, 'blob')
    const blob = `select 1 from blobs where digest = '${digestFor('blob')}' for`
    expect(await waitsFor(`${blob} no key update`, mount)).toBe(true)
    expect(await waitsFor(`${blob} share`, mount)).toBe(false)
  })

  test('promises, uploads and their keep-alive do without the lock', async () => {
    const upload: UploadRecord = await start()
    const { id } = await content.head(digestFor('manifest'))
    const free = [
      () => contentOperations(content).promise(target, 'blob'),
      () => content.db.write(promiseManifest, { id, graceMs: hourMs }),
      () => content.db.write(keepUploadAlive, { ...upload, graceMs: hourMs }),
      () => content.startUpload(),
    ]
    for (const write of free) {
      expect(await waitsFor(repository('no key update'), write)).toBe(false)
    }
  })

  test('the end of a manifest waits for its relatives before it touches anything', async () => {
    const layer = await content.pushBlob('layer')
    const child = await content.put(content.manifest('child'))
    const index = { children: [child], layers: [layer], tags: ['index'] }
    const rows = [
      `select 1 from links where digest = '${layer}' for no key update`,
      `select 1 from manifests where digest = '${child}' for no key update`,
    ]
    const tag = `select 1 from tags where name = 'index' for update nowait`
    for (const row of rows) {
      await content.put(content.manifest('index', index))
      const end = () => contentOperations(content).deleteManifest(target, 'index')
      expect(await waitsFor(row, end, tag)).toBe(true)
    }
  })

  test('an idle upload that wakes up while it is being purged stays', async () => {
    const upload = await start()
    await content.run(`update uploads set last_progress = 0 where id = '${upload.id}'`)
    const purge = { idleMs: hourMs, limit: 100 }
    const wakes = `update uploads set last_progress = now_ms() where id = '${upload.id}'`
    expect(await waitsFor(wakes, () => content.db.write(purgeIdle, purge))).toBe(true)
    expect(await findUpload(content.db.read, upload)).toBeDefined()
  })
})

import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanLinks } from '../../server/db/link-cleanup.ts'
import { findPromise } from '../../server/db/links.ts'
import { findManifestByDigest } from '../../server/db/manifests.ts'
import { cleanOrphans } from '../../server/db/orphan-cleanup.ts'
import { purgeIdle } from '../../server/db/upload-purge.ts'
import { digestFor } from '../support/database-content.ts'
import { describeDatabases } from '../support/databases.ts'
import { type Operation, operations } from './operations.ts'
import { graceMs, openStage, type Stage } from './stage.ts'
import { Theatre } from './theatre.ts'

/** The shipping operation of this name. */
function shipping(name: string): Operation {
  const found = operations.find((each) => each.name === name)
  if (!found) throw new Error(`there is no operation ${name}`)
  return found
}

/** The shipping one with another body: what it promises stays. */
function broken(name: string, run: Operation['run']): Operation {
  return { ...shipping(name), name: `${name}, broken`, run }
}

/** No lease holds anything against this. */
const noLease = { graceMs: -3 * graceMs, limit: 100, after: null }

const cleanLinksWithoutLease = broken('clean links of app', async (caller, { app }) => {
  await caller.write(cleanLinks, { ...noLease, repositoryId: app.id })
  return 'cleaned'
})

const cleanOrphansWithoutLease = broken('clean orphans of app', async (caller, { app }) => {
  await caller.write(cleanOrphans, { ...noLease, repositoryId: app.id, by: 'ann' })
  return 'cleaned'
})

const headBlobWithoutLease = broken('HEAD blob stale of app', async (caller, { app }) => {
  const key = { repositoryId: app.id, digest: digestFor('stale') }
  return (await caller.read((db) => findPromise(db, key, graceMs))) !== undefined
})

const headManifestWithoutLease = broken('HEAD manifest lost', async (caller, { app }) => {
  const key = { feedId: app.feedId, repository: app.name, digest: digestFor('lost') }
  return (await caller.read((db) => findManifestByDigest(db, key))) !== undefined
})

/** The bytes go although a row names them by now. */
const purgeOfBytesInUse = broken('purge uploads', async (caller, { disk }) => {
  await caller.write(purgeIdle, { idleMs: graceMs, limit: 100 })
  disk.clear()
  return 'purged'
})

interface SeededFault {
  readonly what: string
  /** One after the other. */
  readonly cast: readonly [Operation, Operation]
  /** The same as it ships. */
  readonly sound: readonly [string, string]
  readonly noticed: RegExp
}

const faults: readonly SeededFault[] = [
  {
    what: 'clean-up of links looks at no lease',
    cast: [shipping('HEAD blob stale of app'), cleanLinksWithoutLease],
    sound: ['HEAD blob stale of app', 'clean links of app'],
    noticed: /promised link app stale is gone/,
  },
  {
    what: 'HEAD of a blob takes no lease',
    cast: [headBlobWithoutLease, shipping('clean links of app')],
    sound: ['HEAD blob stale of app', 'clean links of app'],
    noticed: /promised link app stale is gone/,
  },
  {
    what: 'clean-up of orphans looks at no lease',
    cast: [shipping('HEAD manifest lost'), cleanOrphansWithoutLease],
    sound: ['HEAD manifest lost', 'clean orphans of app'],
    noticed: /promised manifest app lost is gone/,
  },
  {
    what: 'HEAD of a manifest takes no lease',
    cast: [headManifestWithoutLease, shipping('clean orphans of app')],
    sound: ['HEAD manifest lost', 'clean orphans of app'],
    noticed: /promised manifest app lost is gone/,
  },
  {
    what: 'purging removes bytes that a row names',
    cast: [shipping('push bare to app'), purgeOfBytesInUse],
    sound: ['push bare to app', 'purge uploads'],
    noticed: /the blob bare has the bytes of undefined/,
  },
]

const oneAfterTheOther = [...Array<number>(200).fill(0), ...Array<number>(200).fill(1)]

describeDatabases('a fault is noticed by the plan that shows it:', (databases) => {
  let stage: Stage
  let theatre: Theatre
  beforeAll(async () => {
    stage = await openStage(databases, 2)
    theatre = new Theatre(stage, 'transaction')
  })
  afterAll(() => stage[Symbol.asyncDispose]())

  test.for(faults)('$what', async ({ cast, sound, noticed }) => {
    const shipped = await theatre.round(sound.map(shipping), oneAfterTheOther)
    expect(shipped.faults).toEqual([])
    const seeded = await theatre.round(cast, oneAfterTheOther)
    expect(seeded.faults.join('\n')).toMatch(noticed)
  })
})

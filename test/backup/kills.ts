import { existsSync, readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openDatabase } from '../../server/db/database.ts'
import { beginLoad } from '../cleanup/load.ts'
import { demand, manage, openWorld, type World } from '../cleanup/world.ts'
import { createFeed, setFeed } from '../support/admin.ts'
import { buildServer } from '../support/build.ts'
import { type CommandResult, runCommand } from '../support/command.ts'
import { blob, descriptor, type Image, image, manifestOf, mediaTypes } from '../support/content.ts'
import { listViolations } from '../support/database-invariants.ts'
import { adminPassword, startProcess } from '../support/process.ts'
import { pushBlob, pushImage, pushManifest } from '../support/push.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { basicAuthorization } from '../support/registry-client.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { keptOf, pullWhole, splitName } from './kept.ts'
import type { BackupPlaces } from './places.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const kills = Number(process.env.ENTREPOT_TEST_KILLS ?? 2)
const feeds = ['main', 'other']
const repositories = ['main/app', 'main/team/app', 'other/app']
const doomedAtOnce = 8

/** Kills come so late at most: a bucket's lock takes a second. */
const latestKillMs = 4000

/** Clients push and delete and clean-up never pauses, while backups are made and killed. */
export function testKills(where: string, open: () => Promise<BackupPlaces>): void {
  const what = `what was acknowledged is in the backup in a ${where}`
  test(
    `${what}, through ${kills} kills of it and of its restore (seed ${seed})`,
    {
      timeout: 240_000 + kills * 60_000,
    },
    () => killAndRestore(open),
  )
}

async function killAndRestore(open: () => Promise<BackupPlaces>): Promise<void> {
  await using places = await open()
  const folder = makeTemporaryFolder('backup-kills')
  const dataDir = path.join(folder.path, 'data')
  const at: At = { target: places.target('killed'), dataDir, env: variablesOf(places) }
  const { target } = at
  const random = seededRandom(seed)
  const server = await startProcess({ dataDir })
  await createFeed(dataDir, 'other')
  for (const feed of feeds) await setFeed(dataDir, feed, ['--tag-deletion', 'on'])
  const authorization = basicAuthorization('Admin', adminPassword)
  const world = openWorld({ url: server.url, authorization, graceMs: 1000, repositories })
  await manage(world, 'POST', '/api/settings/set?name=Cleanup.GraceSeconds&value=1')
  const { clients, stop, load } = beginLoad(world, { seed, clients: 3, feeds })

  // Long enough for clean-up to take what it may.
  await pushBallast(world)
  // Each is deleted as soon as the database has been copied: only the backup still needs it.
  const doomed = await pushDoomed(world, 'first')
  const backup = ['backup', '--to', target, '--rate', '150kB', '--json']
  const first = await whileCopied({ world, at, doomed, args: backup })
  expect(first.code, first.output).toBe(0)
  expect(JSON.parse(first.stdout).missing).toEqual([])
  let cutOff = 0
  for (let kill = 1; kill <= kills; kill += 1) {
    cutOff += await runAndKill(['backup', '--to', target, '--rate', '2MB'], at, random)
  }
  const keptBefore = keptOf(clients)
  const last = await pushDoomed(world, 'last')
  const done = await whileCopied({ world, at, doomed: last, args: backup })
  expect(done.code, done.output).toBe(0)
  const keptAfter = new Set(keptOf(clients))
  const report = JSON.parse(done.stdout)
  expect(report.missing).toEqual([])
  expect(report.alreadyThere).toBeGreaterThan(0)
  stop.abort()
  await load
  expect(world.faults).toEqual([])
  expect(world.counts.get('cleaned blobs') ?? 0).toBeGreaterThan(0)
  world.agent.destroy()
  expect(await server.stop()).toBe(0)
  await rm(dataDir, { recursive: true })

  const restore = ['restore', '--from', target, '--json']
  for (let kill = 1; kill <= kills; kill += 1) cutOff += await runAndKill(restore, at, random)
  const restored = await restoreWhole(restore, at)
  if (restored !== undefined) {
    expect(restored.missing).toEqual([])
    expect(restored.content).toEqual(report.content)
    expect(restored.restored.blobs).toBe(report.content.blobs)
  }
  await using again = await startProcess({ dataDir })
  const acknowledged = [
    ...last.map((each) => ({ repository: 'main/doomed', digest: each.manifest.digest })),
    ...keptBefore.filter((each) => keptAfter.has(each)).map(splitName),
  ]
  const restoredWorld = openWorld({ url: again.url, authorization, graceMs: 1000, repositories })
  for (const each of acknowledged) await pullWhole(restoredWorld, each)
  const told = `${cutOff} of ${2 * kills} cut off, ${acknowledged.length} images acknowledged, ${report.content.images} backed up, ${report.content.blobs} blobs`
  process.stdout.write(`kills of backups to ${target}, seed ${seed}: ${told}\n`)
  expect(acknowledged.length).toBeGreaterThanOrEqual(doomedAtOnce)
  restoredWorld.agent.destroy()
  expect(await again.stop()).toBe(0)
  await using db = await openDatabase({ url: `sqlite:${dataDir}/entrepot.db` })
  expect(await listViolations(db.read)).toEqual([])
  await folder[Symbol.asyncDispose]()
}

interface At {
  /** What `--to` is given. */
  readonly target: string
  readonly dataDir: string
  readonly env: Readonly<Record<string, string>>
}

/** How the commands speak to a bucket. */
function variablesOf({ s3 }: BackupPlaces): At['env'] {
  const { endpoint, credentials } = s3
  if (endpoint === null || credentials === null) return {}
  return {
    ENTREPOT_BACKUP_S3_ENDPOINT: endpoint,
    ENTREPOT_BACKUP_S3_PATH_STYLE: 'true',
    ENTREPOT_BACKUP_S3_ACCESS_KEY: credentials.accessKeyId,
    ENTREPOT_BACKUP_S3_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  }
}

async function pushDoomed(world: World, name: string): Promise<Image[]> {
  const table = { url: world.url, callers: { admin: world.authorization } }
  const images = Array.from({ length: doomedAtOnce }, (_, at) => image(`${name} ${seed} ${at}`))
  for (const [at, each] of images.entries()) {
    await pushImage(table, 'main/doomed', each, [`${name}${at}`])
  }
  return images
}

/** As much as a backup copies in eight seconds. */
async function pushBallast(world: World): Promise<void> {
  const table = { url: world.url, callers: { admin: world.authorization } }
  const layers = Array.from({ length: 8 }, (_, at) => blob(`ballast ${seed} ${at}`, 150_000))
  for (const layer of layers) await pushBlob(table, 'main/ballast', layer)
  const [config, ...others] = layers.map((layer) => descriptor(layer, mediaTypes.octets))
  const manifest = manifestOf({
    ...{ schemaVersion: 2, mediaType: mediaTypes.image, artifactType: 'application/x-ballast' },
    ...{ config, layers: others },
  })
  await pushManifest(table, 'main/ballast', manifest, 'heavy')
}

async function entrepot(args: readonly string[], { dataDir, env }: At, signal?: AbortSignal) {
  const main = await buildServer()
  return runCommand(process.execPath, [main, ...args], {
    env: { ...process.env, ...env, ENTREPOT_DATA_DIR: dataDir },
    cwd: '/',
    timeoutSeconds: 120,
    ...(signal && { signal }),
  })
}

/** Deletes images as soon as a backup has copied the database. */
async function whileCopied(of: {
  readonly world: World
  readonly at: At
  readonly doomed: readonly Image[]
  readonly args: readonly string[]
}): Promise<CommandResult> {
  const { world, at, doomed, args } = of
  // Of backups that were killed copies stay until the next one forgets them.
  const earlier = new Set(copiesIn(at))
  const isCopied = () => copiesIn(at).some((name) => !earlier.has(name))
  let ended = false
  const running = entrepot(args, at).finally(() => {
    ended = true
  })
  while (!ended && !isCopied()) await sleep(5)
  expect(ended, 'it ended before anything could be deleted').toBe(false)
  for (const { manifest } of doomed) {
    const gone = `/v2/main/doomed/manifests/${manifest.digest}`
    await demand(world, { method: 'DELETE', path: gone }, [202])
  }
  return running
}

/** Copies of the database that belong to no snapshot yet, in the folder or on their way to the bucket. */
function copiesIn({ target, dataDir }: At): string[] {
  const snapshots = path.join(target, 'snapshots')
  const names = path.isAbsolute(target) && existsSync(snapshots) ? readdirSync(snapshots) : []
  const folders = names.filter((name) => name.endsWith('.partial'))
  return [...folders.map((name) => path.join(snapshots, name)), path.join(dataDir, 'bucket-backup')]
    .map((folder) => path.join(folder, 'entrepot.db'))
    .filter((file) => existsSync(file))
    .map((file) => `${file} ${statSync(file, { throwIfNoEntry: false })?.ino}`)
}

/** It may have ended before: that is as good, and 0. */
async function runAndKill(args: readonly string[], at: At, random: Random): Promise<0 | 1> {
  const kill = new AbortController()
  const running = entrepot(args, at, kill.signal)
  await sleep(random.between(400, latestKillMs))
  kill.abort()
  return (await running).code === null ? 1 : 0
}

/** Undefined: one that was to be killed had ended before. */
async function restoreWhole(args: readonly string[], at: At) {
  const { code, stdout, output } = await entrepot(args, at)
  if (code !== 0 && output.includes('There is a database already')) return undefined
  expect(code, output).toBe(0)
  return JSON.parse(stdout)
}

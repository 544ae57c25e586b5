import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serve } from '../backup/backups.ts'
import { storedFiles } from '../cleanup/stored-files.ts'
import { buildServer } from '../support/build.ts'
import { runCommand } from '../support/command.ts'
import { seededBytes } from '../support/content.ts'
import { imageOf } from '../support/layers.ts'
import { adminPassword, runEntrepot, startProcess } from '../support/process.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { DistributionLayout } from './distribution-layout.ts'
import { makeFleet, pulledOf } from './fleet.ts'
import { expectBlobs, expectPulled, expectSound, makeDataFolder } from './imports.ts'

const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
const kills = Number(process.env.ENTREPOT_TEST_KILLS ?? 3)
const folder = makeTemporaryFolder('import-kills')
const dataDir = path.join(folder.path, 'data')
const layout = new DistributionLayout(path.join(folder.path, 'registry'))
const fleet = makeFleet(`kills ${seed}`, { singles: 80, indexes: 10, repositories: 4 })
const large = imageOf([{ bytes: seededBytes(`large ${seed}`, 20_000_000) }])
let main = ''

beforeAll(async () => {
  main = await buildServer()
  for (const [name, blobs] of fleet.blobs) {
    for (const each of blobs) layout.putBlob(each)
    for (const { repository, tag, manifest } of fleet.waves.flat()) {
      if (repository === name) layout.putManifest(name, manifest, tag === null ? [] : [tag])
    }
  }
  layout.putImage('large', large, ['1'])
}, 120_000)
afterAll(() => folder[Symbol.asyncDispose]())

const words = ['import', layout.folder, '--feed', 'main', '--json']

/** Once it has stored so many blobs more, and a while later. */
async function runAndKill(args: readonly string[], blobs: number, ms: number): Promise<boolean> {
  const stop = new AbortController()
  const env = { PATH: process.env.PATH ?? '', ENTREPOT_DATA_DIR: dataDir }
  const running = runCommand(process.execPath, [main, ...args], {
    ...{ env, cwd: '/', signal: stop.signal },
  })
  const target = storedFiles(dataDir).length + blobs
  let isOver = false
  void running.then(() => {
    isOver = true
  })
  while (!isOver && storedFiles(dataDir).length < target) await sleep(5)
  await Promise.race([sleep(ms), running])
  stop.abort()
  return (await running).code === null
}

test(`killed at any moment, the next run goes on (seed ${seed}, ${kills} kills)`, {
  timeout: 120_000 + kills * 15_000,
}, async () => {
  const random = seededRandom(seed)
  let killed = 0
  let rounds = 0
  while (killed < kills) {
    rounds += 1
    rmSync(dataDir, { recursive: true, force: true })
    await makeDataFolder(dataDir)
    killed += await killUntilWhole(random, kills - killed)
    await expectWhole()
  }
  process.stdout.write(`import kills, seed ${seed}: ${killed} kills in ${rounds} imports\n`)
})

/** So many at most, or until one gets to its end. */
async function killUntilWhole(random: Random, most: number): Promise<number> {
  for (let killed = 0; killed < most; killed += 1) {
    const way = random.chance(0.5) ? ['--copy'] : []
    const args = [...words, ...way, '--rate', '8MB']
    const isKilled = await runAndKill(args, random.between(1, 50), random.between(0, 200))
    if (!isKilled) return killed
  }
  return most
}

async function expectWhole(): Promise<void> {
  const last = await runEntrepot(dataDir, words)
  expect(last.code, last.output).toBe(0)
  const { counts } = JSON.parse(last.stdout)
  expect(counts.manifests + counts.manifestsThere).toBe(131)
  const again = JSON.parse((await runEntrepot(dataDir, words)).stdout)
  expect(again.counts).toMatchObject({ manifests: 0, copied: 0, linked: 0, manifestsThere: 131 })
  await expectSound(dataDir)
  await using server = await serve(dataDir)
  await expectPulled(server, [
    ...pulledOf(fleet, 'main'),
    { name: 'main/large', reference: '1', manifest: large.manifest },
  ])
  for (const [name, blobs] of fleet.blobs) await expectBlobs(server, `main/${name}`, blobs)
  await expectBlobs(server, 'main/large', large.blobs)
}

test('the command line: what is misused, called off, refused and skipped', {
  timeout: 60_000,
}, async () => {
  const own = path.join(folder.path, 'own')
  await makeDataFolder(own)
  const run = (...args: readonly string[]) => runEntrepot(own, ['import', layout.folder, ...args])
  expect(await run()).toMatchObject({ code: 2 })
  expect((await run('--feed', 'main', '--source-user', 'x')).stderr).toContain(
    '--source-user needs a password: --source-password-file FILE, or ENTREPOT_IMPORT_SOURCE_PASSWORD.',
  )
  expect((await run('--feed', 'main', '--source-ca', '/none')).stderr).toContain('ENOENT')
  const dry = await run('--feed', 'main', '--dry-run')
  expect(dry).toMatchObject({ code: 0 })
  expect(dry.stdout).toContain('Would import from 5 repositories\n131 manifests')
  layout.putUpload('large', 'half')
  const list = path.join(folder.path, 'list')
  writeFileSync(list, '# what is wanted\nlarge\n')
  const skipped = await run('--feed', 'main', '--repositories', list)
  expect(skipped.code).toBe(1)
  expect(skipped.stdout).toMatch(/Imported from 1 repository\n[\s\S]*1 skipped: 1 unfinished/)
  expect(skipped.stderr).toContain('One thing was skipped, named above with the reason')
  rmSync(path.join(layout.root, 'repositories/large/_uploads'), { recursive: true })
  const env = { PATH: process.env.PATH ?? '', ENTREPOT_DATA_DIR: own }
  const slow = [main, 'import', layout.folder, '--feed', 'main', '--copy', '--rate', '5kB']
  const interrupt = new AbortController()
  const before = storedFiles(own).length
  const running = runCommand(process.execPath, slow, {
    ...{ env, cwd: '/', signal: interrupt.signal, killSignal: 'SIGINT' },
  })
  await expect.poll(() => storedFiles(own).length, { timeout: 30_000 }).toBeGreaterThan(before)
  interrupt.abort()
  const calledOff = await running
  expect(calledOff.stderr).toContain('The import was called off: the same command goes on with it.')
  expect(calledOff.stdout).toContain('Imported from')
  await using server = await startProcess({ dataDir: own })
  const refused = await run('--feed', 'main')
  expect(refused).toMatchObject({ code: 1 })
  expect(refused.stderr).toContain('give the address of the server that runs (--url https://…)')
  const given = { ...env, ENTREPOT_IMPORT_PASSWORD: adminPassword }
  const wire = ['--feed', 'main', '--url', server.url, '--user', 'Admin']
  const args = [main, 'import', layout.folder, ...wire]
  const over = await runCommand(process.execPath, args, { env: given, cwd: '/' })
  expect(over, over.output).toMatchObject({ code: 0 })
  expect(await server.stop()).toBe(0)
})

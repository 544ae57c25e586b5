import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { logOf, runJobWithFaults } from '../cleanup/cleaner.ts'
import { fileOf, flipByte } from '../cleanup/stored-files.ts'
import { manage, openWorld } from '../cleanup/world.ts'
import { createFeedKey } from '../support/admin.ts'
import { clientOf } from '../support/api-call.ts'
import type { CommandResult } from '../support/command.ts'
import { describeWith } from '../support/describe-with.ts'
import { startDockerEngine } from '../support/docker-engine.ts'
import { adminPassword, runEntrepot, type ServerProcess, startProcess } from '../support/process.ts'
import { basicAuthorization } from '../support/registry-client.ts'
import { openStoreUnderTest } from '../support/store-under-test.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const { engine, reason } = await startDockerEngine()
/** With `ENTREPOT_TEST_STORE` all of this in the cloud. */
const store = await openStoreUnderTest()
const folder = makeTemporaryFolder('docker-test')

afterAll(async () => {
  await engine?.[Symbol.asyncDispose]()
  await store?.[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

describeWith('Docker Engine', [reason], () => {
  let server: ServerProcess
  let logins = 0

  beforeAll(async () => {
    server = await startProcess({ dataDir: path.join(folder.path, 'data') })
    await store?.use(server.url, ['main'])
    expectDone(await login(configFolder()))
  })

  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })

  test('logs in and keeps a token, not the password', async () => {
    const config = newLoginFolder()
    const result = await login(config)
    expect(result.stdout).toContain('Login Succeeded')
    const kept = JSON.parse(await readFile(path.join(config, 'config.json'), 'utf8'))
    const entry = kept.auths[server.host]
    expect(entry.identitytoken).toMatch(/.{20}/)
    expect(Buffer.from(entry.auth, 'base64').toString()).not.toContain(adminPassword)
  })

  test('is told that a password is wrong', async () => {
    const result = await login(newLoginFolder(), { password: 'wrong' })
    expect(result.code).not.toBe(0)
    expect(result.output).toMatch(/401|unauthorized|password/i)
    expect(result.output).not.toContain('Login Succeeded')
  })

  test('gets nothing without a login, nor after a logout', async () => {
    const image = name('team/secret:1')
    await buildImage(image)
    expectDone(await docker('push', image))
    const config = newLoginFolder()
    const asked = { configFolder: config }
    expectRefused(await run(['pull', image], asked))
    expectRefused(await run(['push', image], asked))
    await login(config)
    expectDone(await run(['pull', image], asked))
    expectDone(await run(['logout', server.host], asked))
    expectRefused(await run(['pull', image], asked))
    expectRefused(await run(['push', image], asked))
  })

  test('pulls what it pushed, by tag and by digest, and runs it', async () => {
    const image = name('team/app:1.0')
    await buildImage(image, 'echo it runs; cat /text /more')
    const digest = pushedDigest(await docker('push', image))
    for (const reference of [image, `${name('team/app')}@${digest}`]) {
      expectDone(await docker('rmi', '--force', image))
      expect((await docker('image', 'inspect', image)).code).not.toBe(0)
      const pulled = await docker('pull', reference)
      expectDone(pulled)
      expect(pulled.stdout).toContain(digest)
      const ran = await docker('run', '--rm', '--network', 'none', reference)
      expect(ran.stdout).toBe(`it runs\ntext of ${image}\nmore\n`)
    }
  })

  test('is told what layers are there already', async () => {
    const image = name('team/twice:1')
    await buildImage(image)
    const first = pushedDigest(await docker('push', image))
    const again = await docker('push', image)
    expect(again.stdout).toContain('Layer already exists')
    expect(again.stdout).not.toContain('Pushed')
    expect(pushedDigest(again)).toBe(first)
  })

  test('mounts layers from another repository instead of sending them', async () => {
    const image = name('team/source:1')
    const copy = name('other/target:1')
    await buildImage(image)
    expectDone(await docker('push', image))
    expectDone(await docker('tag', image, copy))
    const push = await docker('push', copy)
    expectDone(push)
    expect(push.stdout).toContain('Mounted from main/team/source')
    expect(push.stdout).not.toContain('Pushed')
    expectDone(await docker('rmi', '--force', copy, image))
    expectDone(await docker('pull', copy))
  })

  test('moves a tag, and the old image stays under its digest', async () => {
    const image = name('team/moving:latest')
    await buildImage(image, 'echo first')
    const first = pushedDigest(await docker('push', image))
    await buildImage(image, 'echo second')
    const second = pushedDigest(await docker('push', image))
    expect(second).not.toBe(first)
    for (const [reference, text] of [
      [image, 'second\n'],
      [`${name('team/moving')}@${first}`, 'first\n'],
    ] as const) {
      await docker('rmi', '--force', image)
      expectDone(await docker('pull', reference))
      const ran = await docker('run', '--rm', '--network', 'none', reference)
      expect(ran.stdout).toBe(text)
    }
  })

  test('gives an image a second name without sending anything', async () => {
    const image = name('team/named:1.0.0')
    await buildImage(image)
    const digest = pushedDigest(await docker('push', image))
    const second = name('team/named:1.0')
    expectDone(await docker('tag', image, second))
    const push = await docker('push', second)
    expect(pushedDigest(push)).toBe(digest)
    expect(push.stdout).not.toContain('Pushed')
  })

  test('publishes a manifest list of its own making', async () => {
    const [image, list] = [name('team/listed:amd64'), name('team/listed:all')]
    await buildImage(image)
    const digest = pushedDigest(await docker('push', image))
    expectDone(await docker('manifest', 'create', '--insecure', list, image))
    expectDone(await docker('manifest', 'push', '--insecure', list))
    const shown = await docker('manifest', 'inspect', '--insecure', list)
    expectDone(shown)
    expect(JSON.parse(shown.stdout).manifests[0].digest).toBe(digest)
    await docker('rmi', '--force', image)
    expectDone(await docker('pull', list))
  })

  test('a key that may only view pulls and cannot push', async () => {
    const image = name('team/viewed:1')
    await buildImage(image)
    expectDone(await docker('push', image))
    const config = newLoginFolder()
    const key = await createFeedKey(server.dataDir, { feed: 'main', permissions: ['view'] })
    expectDone(await login(config, { user: 'api', password: key }))
    expectDone(await docker('rmi', '--force', image))
    expectDone(await run(['pull', image], { configFolder: config }))
    const refused = await run(['push', image], { configFolder: config })
    expect(refused.code).not.toBe(0)
    expect(refused.output).toMatch(/denied/i)
  })

  test('a key that may view and add pushes', async () => {
    const image = name('team/by-key:1')
    await buildImage(image)
    const config = newLoginFolder()
    const key = await createFeedKey(server.dataDir, {
      feed: 'main',
      permissions: ['view', 'add'],
    })
    expectDone(await login(config, { user: 'api', password: key }))
    expectDone(await run(['push', image], { configFolder: config }))
    expectDone(await run(['pull', image], { configFolder: config }))
  })

  test('a login ends with the password that it was made with', async () => {
    const dataDir = path.join(folder.path, 'second')
    await using second = await startProcess({ dataDir })
    const image = `${second.host}/main/team/app:1`
    await buildImage(image)
    const asked = { configFolder: newLoginFolder() }
    const credentials = ['--username', 'Admin', '--password-stdin', second.host]
    const input = adminPassword
    expectDone(await run(['login', ...credentials], { ...asked, input }))
    expectDone(await run(['push', image], asked))
    const reset = await runEntrepot(dataDir, ['user', 'reset-password', 'Admin'])
    expectDone(reset)
    // What another process changed is known within a second.
    await sleep(1500)
    expectRefused(await run(['pull', image], asked))
    expectRefused(await run(['push', image], asked))
  })

  test.runIf(store === undefined)(
    'heals a flipped byte and a lost file by pushing again',
    async () => {
      const image = name('team/hurt:1')
      const layers = [{ one: 'hurt one\n' }, { two: 'hurt two\n' }]
      await engineNow().build(image, { layers, main: 'cat /one /two' })
      const digest = pushedDigest(await docker('push', image))
      const { url, dataDir } = server
      const authorization = basicAuthorization('Admin', adminPassword)
      const world = openWorld({ url, authorization, graceMs: 0, repositories: [] })
      const manifest = await manage<{ layers: { digest: string }[] }>(
        world,
        'GET',
        `/v2/main/team/hurt/manifests/${digest}`,
      )
      const [flipped = '', lost = ''] = manifest.layers.slice(-2).map((layer) => layer.digest)
      flipByte(fileOf(dataDir, flipped))
      await rm(fileOf(dataDir, lost))
      await manage(world, 'POST', '/api/settings/set?name=Integrity.MegabytesPerSecond&value=0')
      const check = 'job=FeedIntegrity&feed=main'
      const found = await runJobWithFaults(world, check)
      expect(found).toMatchObject({ state: 'succeeded', errors: 2, counts: { damaged: 2 } })
      const log = await logOf(world, found)
      for (const what of [flipped, lost, `main/team/hurt:1 (${digest})`])
        expect(log).toContain(what)

      const again = await docker('push', image)
      expect(pushedDigest(again)).toBe(digest)
      expect(again.stdout.match(/: Pushed/g)).toHaveLength(2)
      expectDone(await docker('rmi', '--force', image))
      expectDone(await docker('pull', image))
      const ran = await docker('run', '--rm', '--network', 'none', image)
      expect(ran.stdout).toBe('hurt one\nhurt two\n')
      expect(await runJobWithFaults(world, check)).toMatchObject({ errors: 0 })
    },
  )

  test('is told that a quota is used up, and pushes once there is room', async () => {
    const admin = clientOf(server.url, basicAuthorization('Admin', adminPassword))
    const { feeds } = api
    await call(admin, feeds.create, { body: { name: 'small', quotaBytes: 100 } })
    await store?.use(server.url, ['small'])
    await sleep(1100)
    const image = `${server.host}/small/team/app:1`
    await buildImage(image)
    const refused = await docker('push', image)
    expect(refused.code).not.toBe(0)
    expect(refused.output).toMatch(
      /denied: The quota of this registry is 100 bytes and .* are used, so .* fit: delete images/,
    )
    await call(admin, feeds.update, { params: { name: 'small' }, body: { quotaBytes: 1e9 } })
    await sleep(1100)
    pushedDigest(await docker('push', image))
    await call(admin, feeds.update, { params: { name: 'small' }, body: { quotaBytes: 1 } })
    await sleep(1100)
    pushedDigest(await docker('push', image))
    const large = `${server.host}/small/team/app:2`
    await buildImage(large)
    const full = await docker('push', large)
    expect(full.code).not.toBe(0)
    expect(full.output).toMatch(
      /denied: The quota of this registry is 1 bytes .* nothing more fits/,
    )
  })

  function engineNow() {
    if (engine === undefined) throw new Error('no Docker Engine')
    return engine
  }

  function configFolder(): string {
    return engineNow().configFolder
  }

  function newLoginFolder(): string {
    logins += 1
    return path.join(folder.path, `login-${logins}`)
  }

  function name(image: string): string {
    return `${server.host}/main/${image}`
  }

  function docker(...args: readonly string[]): Promise<CommandResult> {
    return engineNow().docker(...args)
  }

  function run(args: readonly string[], options: { configFolder: string; input?: string }) {
    return engineNow().run(args, options)
  }

  function login(config: string, as: { user?: string; password?: string } = {}) {
    return run(['login', '--username', as.user ?? 'Admin', '--password-stdin', server.host], {
      configFolder: config,
      input: as.password ?? adminPassword,
    })
  }

  function buildImage(image: string, main = 'echo hello'): Promise<void> {
    const layers = [{ text: `text of ${image}\n` }, { more: 'more\n' }]
    return engineNow().build(image, { layers, main })
  }
})

function expectDone(result: CommandResult): void {
  expect(result.code, result.output).toBe(0)
}

function expectRefused(result: CommandResult): void {
  expect(result.code, result.output).not.toBe(0)
  expect(result.output).toMatch(/unauthorized|denied|authentication required|no basic auth/i)
}

function pushedDigest(push: CommandResult): string {
  expectDone(push)
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(push.stdout)?.[1]
  if (digest === undefined) throw new Error(`docker named no digest:\n${push.output}`)
  return digest
}

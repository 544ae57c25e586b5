import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientOf } from '../support/api-call.ts'
import { type CommandResult, runCommand } from '../support/command.ts'
import { describeWith } from '../support/describe-with.ts'
import { startDockerEngine } from '../support/docker-engine.ts'
import { makeOciLayout, type OciLayout } from '../support/oci-layout.ts'
import { untilRulesAreNew } from '../support/people.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { needs } from '../support/require.ts'
import { findSlapd } from '../support/slapd.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { basic } from '../support/wire.ts'
import { type Accounts, createAccounts, createRegistries } from './accounts.ts'
import { feeds } from './world.ts'

const { engine, reason } = await startDockerEngine()
const skopeo = needs({ program: 'skopeo', package: 'skopeo' })
const slapd = findSlapd()
const folder = makeTemporaryFolder('access-clients')
const closers: (() => PromiseLike<void>)[] = []
let server: ServerProcess
let accounts: Accounts
let folders = 0

beforeAll(async () => {
  if (engine === undefined && skopeo.skip) return
  server = await startProcess({ dataDir: path.join(folder.path, 'data') })
  const admin = clientOf(server.url, basic('Admin', adminPassword))
  await createRegistries(admin)
  const where = { url: server.url, adminPassword }
  accounts = await createAccounts({ server: where, admin, slapd, closers })
  await untilRulesAreNew()
}, 120_000)

afterAll(async () => {
  for (const closer of closers.splice(0).reverse()) await closer()
  const exit = await server?.stop()
  await engine?.[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
  if (server !== undefined) expect(exit).toBe(0)
}, 60_000)

/** Principals of the matrix, by their names there. */
const feedKey = 'a feed key that views and adds'
const linda = 'linda, whom LDAP knows'

function image(feed: string, name = 'team/app:1'): string {
  return `${server.host}/${feed}/${name}`
}

function credentialsOf(principal: string): readonly [user: string, password: string] {
  const secret = accounts.secrets.get(principal)
  if (secret === undefined) throw new Error(`${principal} has no secret.`)
  return secret.kind === 'key' ? ['api', secret.key] : [secret.userName, secret.password]
}

function expectDone(result: CommandResult): void {
  expect(result.code, result.output).toBe(0)
}

function expectRefused(result: CommandResult, because: RegExp): void {
  expect(result.code, result.output).not.toBe(0)
  expect(result.output).toMatch(because)
}

/** Who may not view it hears that it is not there; who may, that this is not allowed. */
const unknown = /name unknown|there is no repository/i
/** Where a HEAD has no body, skopeo names the status. */
const denied = /may not (?:pull|push) in|403 \(Forbidden\)/
/** The last two are what docker and skopeo make of a 401 for which no login helps them. */
const unauthorized =
  /unauthorized|authentication required|may require 'docker login'|requested access to the resource is denied/i

describeWith('Docker Engine', [reason], () => {
  beforeAll(async () => {
    await engineNow().load({
      [image('private')]: { layers: [{ text: 'of all\n' }], main: 'echo it runs' },
    })
    for (const feed of feeds) {
      expectDone(await docker(adminsFolder(), 'tag', image('private'), image(feed)))
    }
    expectDone(await logIn('Admin', adminsFolder()))
    for (const feed of feeds) expectDone(await docker(adminsFolder(), 'push', image(feed)))
  }, 120_000)

  test('Anonymous pulls from the public registry without a login, and nothing else', async () => {
    const nobody = newFolder()
    expectDone(await pull(nobody, image('public')))
    expectRefused(await pull(nobody, image('private')), unauthorized)
    expectRefused(await pull(nobody, image('restricted')), unauthorized)
    expectRefused(await pull(nobody, image('private', 'team/none:1')), unauthorized)
    for (const feed of feeds) expectRefused(await push(nobody, feed), unauthorized)
  })

  test('a reader pulls from a private registry and from the public one beside it, and pushes nowhere', async () => {
    const reader = await loginOf('reader')
    expectDone(await pull(reader, image('private')))
    expectDone(await pull(reader, image('public')))
    expectRefused(await pull(reader, image('restricted')), unknown)
    for (const feed of ['private', 'public']) expectRefused(await push(reader, feed), denied)
    expectRefused(await push(reader, 'restricted'), unknown)
  })

  test('a publisher pushes to its registry, and to no other', async () => {
    const publisher = await loginOf('publisher')
    expectDone(await push(publisher, 'private', 'team/published:1'))
    expectDone(await pull(publisher, image('private', 'team/published:1')))
    expectRefused(await push(publisher, 'public'), denied)
    expectRefused(await push(publisher, 'restricted'), unknown)
  })

  test('a feed key pushes to its registry, and to no other', async () => {
    const key = await loginOf(feedKey)
    expectDone(await push(key, 'private', 'team/by-key:1'))
    expectDone(await pull(key, image('public')))
    expectRefused(await push(key, 'public'), denied)
    expectRefused(await push(key, 'restricted'), unknown)
    expectRefused(await pull(key, image('restricted')), unknown)
  })

  test('a user whom a restriction keeps out of one registry has all others', async () => {
    const barred = await loginOf('barred')
    for (const feed of ['private', 'public']) {
      expectDone(await pull(barred, image(feed)))
      expectDone(await push(barred, feed, 'team/by-barred:1'))
    }
    expectRefused(await pull(barred, image('restricted')), unknown)
    expectRefused(await push(barred, 'restricted'), unknown)
  })

  test('a user with a pattern pulls and pushes what fits it', async () => {
    const patterned = await loginOf('patterned')
    expectDone(await push(patterned, 'private', 'team/deep/down:1'))
    expectDone(await pull(patterned, image('private')))
    expectRefused(await push(patterned, 'private', 'other/app:1'), unknown)
    expectDone(await pull(patterned, image('restricted')))
    expectRefused(await push(patterned, 'restricted'), denied)
  })

  test.skipIf(slapd.skip)(
    `a user of LDAP logs in, pulls, and pushes by the right of a group ${slapd.reason}`.trimEnd(),
    async () => {
      const user = await loginOf(linda)
      expectDone(await pull(user, image('private')))
      expectRefused(await push(user, 'private'), denied)
      expectDone(await push(user, 'restricted', 'team/by-group:1'))
      const wrong = await login(newFolder(), 'linda', 'not her password')
      expectRefused(wrong, unauthorized)
    },
  )

  test('whoever is let in no more cannot log in', async () => {
    await accounts.takeAway()
    await untilRulesAreNew()
    for (const name of ['disabled', 'a key that has expired', 'a key that is switched off']) {
      expectRefused(await logIn(name, newFolder()), unauthorized)
    }
  })

  function engineNow() {
    if (engine === undefined) throw new Error('no Docker Engine')
    return engine
  }

  function adminsFolder(): string {
    return engineNow().configFolder
  }

  function docker(configFolder: string, ...args: readonly string[]): Promise<CommandResult> {
    return engineNow().run(args, { configFolder })
  }

  /** From nothing: what the engine has it would not ask for. */
  async function pull(configFolder: string, reference: string): Promise<CommandResult> {
    await docker(configFolder, 'rmi', '--force', reference)
    return await docker(configFolder, 'pull', reference)
  }

  /** What Admin pushed, under this name. */
  async function push(configFolder: string, feed: string, name = 'team/app:1') {
    const [kept, target] = ['kept:1', image(feed, name)]
    const exists = await docker(configFolder, 'image', 'inspect', kept)
    if (exists.code !== 0) expectDone(await docker(configFolder, 'tag', image('public'), kept))
    expectDone(await docker(configFolder, 'tag', kept, target))
    return await docker(configFolder, 'push', target)
  }

  function login(configFolder: string, user: string, password: string): Promise<CommandResult> {
    const args = ['login', '--username', user, '--password-stdin', server.host]
    return engineNow().run(args, { configFolder, input: password })
  }

  function logIn(principal: string, configFolder: string): Promise<CommandResult> {
    return login(configFolder, ...credentialsOf(principal))
  }

  async function loginOf(principal: string): Promise<string> {
    const configFolder = newFolder()
    expectDone(await logIn(principal, configFolder))
    return configFolder
  }

  function newFolder(): string {
    folders += 1
    return path.join(folder.path, `login-${folders}`)
  }
})

describeWith('skopeo', [skopeo.reason], () => {
  let layout: OciLayout

  beforeAll(async () => {
    const inside = path.join(folder.path, 'layout')
    await mkdir(inside)
    layout = await makeOciLayout(inside, 'access')
    for (const feed of feeds) expectDone(await copyTo('Admin', feed, 'team/copied:1'))
  })

  /** What each hears of reading from and of writing to the three, in their order. */
  const rows: readonly (readonly [name: string, reads: Heard[], writes: Heard[]])[] = [
    ['Admin', [null, null, null], [null, null, null]],
    ['publisher', [null, null, unknown], [null, denied, unknown]],
    ['reader', [null, null, unknown], [denied, denied, unknown]],
    ['barred', [null, null, unknown], [null, null, unknown]],
    ['member', [unknown, null, null], [unknown, denied, null]],
    ['patterned', [null, null, null], [null, denied, denied]],
    ['exempt', [null, null, null], [denied, denied, denied]],
    ['looker', [denied, null, unknown], [denied, denied, unknown]],
    [feedKey, [null, null, unknown], [null, denied, unknown]],
    ['a system key for registries', [null, null, null], [null, null, null]],
    ['Anonymous', [unauthorized, null, unauthorized], [unauthorized, unauthorized, unauthorized]],
    ['a wrong password', [unauthorized, unauthorized, unauthorized], []],
    ['a wrong key', [unauthorized, unauthorized, unauthorized], []],
  ]

  test.for(rows)('%s', async ([name, reads, writes]) => {
    for (const [at, heard] of reads.entries()) {
      check(await inspect(name, feeds[at] ?? ''), heard)
    }
    for (const [at, heard] of writes.entries()) {
      check(await copyTo(name, feeds[at] ?? '', 'team/written:1'), heard)
    }
  })

  test.skipIf(slapd.skip)(`${linda} ${slapd.reason}`.trimEnd(), async () => {
    for (const feed of feeds) expectDone(await inspect(linda, feed))
    expectRefused(await copyTo(linda, 'private', 'team/written:1'), denied)
    expectDone(await copyTo(linda, 'restricted', 'team/written:1'))
  })

  function credentials(principal: string, prefix = ''): readonly string[] {
    if (principal === 'Anonymous') return [`--${prefix}no-creds`]
    return [`--${prefix}creds`, credentialsOf(principal).join(':')]
  }

  function inspect(principal: string, feed: string): Promise<CommandResult> {
    const args = ['inspect', '--raw', '--tls-verify=false', ...credentials(principal)]
    return runSkopeo([...args, `docker://${image(feed, 'team/copied:1')}`])
  }

  function copyTo(principal: string, feed: string, name: string): Promise<CommandResult> {
    const args = ['copy', '--all', '--dest-tls-verify=false', ...credentials(principal, 'dest-')]
    return runSkopeo([...args, layout.reference, `docker://${image(feed, name)}`])
  }

  function runSkopeo(args: readonly string[]): Promise<CommandResult> {
    const env = { ...process.env, XDG_RUNTIME_DIR: folder.path, HOME: folder.path }
    return runCommand(skopeo.file, ['--insecure-policy', ...args], { env })
  }
})

/** Null: it is done. */
type Heard = RegExp | null

function check(result: CommandResult, heard: Heard): void {
  if (heard === null) expectDone(result)
  else expectRefused(result, heard)
}

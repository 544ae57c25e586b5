import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { buildServer, projectFolder } from '../../test/support/build.ts'
import { makeCertificates } from '../../test/support/certificates.ts'
import { runCommand } from '../../test/support/command.ts'
import { type Daemon, logTail, startDaemon, waitUntilReady } from '../../test/support/daemon.ts'
import { needs } from '../../test/support/require.ts'
import { makeTemporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { migrationsUpTo } from '../../test/support/upgrades.ts'
import { openDatabase } from '../db/database.ts'
import { runCommandLine } from './command-line.ts'

let main = ''
beforeAll(async () => {
  main = await buildServer()
}, 120_000)

/** Only what a program needs: no setting of the machine that runs the tests. */
const bareEnvironment = { PATH: process.env.PATH ?? '' }

interface Run {
  readonly folder?: TemporaryFolder
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

function entrepot(line: string, { folder, env = {}, input = '' }: Run = {}) {
  return runCommand(process.execPath, [main, ...line.split(' ').filter(Boolean)], {
    cwd: folder?.path ?? projectFolder,
    env: { ...bareEnvironment, ...env },
    input,
  })
}

/** The same in this thread: for what is answered before anything is opened. */
async function answer(line: string) {
  const printed = { stdout: '', stderr: '' }
  const code = await runCommandLine(line.split(' ').filter(Boolean), {
    print: (text) => {
      printed.stdout += `${text}\n`
    },
    note: (text) => {
      printed.stderr += `${text}\n`
    },
    readInput: () => Promise.reject(new Error('nothing to read')),
  })
  return { code, ...printed }
}

let started = 0

/** A server process in the folder, and the address that it tells on its standard error. */
async function serve(folder: TemporaryFolder, ...args: readonly string[]) {
  const daemon = startDaemon({
    program: process.execPath,
    args: [main, 'serve', '--listen', '127.0.0.1:0', '--disk-reserve', '0', ...args],
    cwd: folder.path,
    env: bareEnvironment,
    logFile: path.join(folder.path, `serve-${++started}.log`),
  })
  const urlOf = () => /listens on (\S+)/.exec(logTail(daemon))?.[1]
  await waitUntilReady(daemon, async () => urlOf() !== undefined, 30)
  return { daemon, url: urlOf() ?? '' }
}

const overviews = ['', '--help', '-h', 'help', 'feed --help', 'key --help', 'group --help']

test.for(overviews)('entrepot %s lists commands', async (line) => {
  const { code, stdout, stderr } = await answer(line)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^ {2}(feed|key|group) list /m)
})

test.for([
  'serve',
  'migrate',
  'backup',
  'backup list',
  'backup hold',
  'backup release',
  'restore',
  'export',
  'feed list',
  'feed create',
  'feed set',
  'feed delete',
  'repository set',
  'key create',
  'key list',
  'key revoke',
  'key rotate',
  'user add',
  'user list',
  'user disable',
  'user enable',
  'user delete',
  'user reset-password',
  'group add',
  'group list',
  'group members',
  'permission list',
  'permission add',
  'permission delete',
  'job list',
  'job run',
  'job cancel',
  'whoami',
  'version',
])('entrepot %s has help', async (words) => {
  const { code, stdout } = await answer(`${words} --help`)
  expect(code).toBe(0)
  expect(stdout).toContain(`Usage: entrepot ${words}`)
  expect(stdout.includes('--data-dir')).toBe(!['version', 'whoami'].includes(words))
})

test('serve --help tells every setting of docs/settings.md', async () => {
  const page = await readFile(path.join(projectFolder, 'docs/settings.md'), 'utf8')
  const { stdout } = await answer('serve --help')
  const names = [...page.matchAll(/^## (.+)$/gm)].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(10)
  for (const name of names) expect(stdout).toContain(`  --${name} `)
})

test('version tells the version of the package', async () => {
  const { version } = JSON.parse(await readFile(path.join(projectFolder, 'package.json'), 'utf8'))
  for (const line of ['version', '--version']) {
    expect(await entrepot(line)).toMatchObject({ code: 0, stdout: `${version}\n` })
  }
})

const misused: readonly (readonly [line: string, said: string])[] = [
  ['fed list', 'did you mean feed list?'],
  ['feed creat x', 'did you mean feed create?'],
  ['nonsense', 'unknown command "nonsense"'],
  ['feed', 'feed list'],
  ['serve --listn x', 'did you mean --listen?'],
  ['serve --listen', 'argument missing'],
  ['serve extra', '"extra" is too much'],
  ['serve --listen nonsense --metrics x', '--metrics: "x" is not one of'],
  ['feed set', 'NAME is missing'],
  ['feed set main', 'Nothing to change'],
  ['feed set main --tag-deletion maybe', 'is not one of on, off'],
  ['feed set main --quota much', 'is neither a size, such as 50GB'],
  ['repository set main --quota none', '"main" names no repository'],
  ['repository set main/app', 'Nothing to change'],
  ['feed set main --overwrite sometimes', 'is not one of allowed, permission, never'],
  ['feed delete main', 'all its repositories, images and tags'],
  ['key create', 'Say for what'],
  ['key create --system --feed main', 'Say for what'],
  ['key create --personal ann --feed-group g', 'Say for what'],
  ['key create --system --permission view', 'is not one of full-control, feeds'],
  ['key create --system --expires soon', 'is no date'],
  ['key create --system --expires 2030-01-01 --expires-in-days 3', 'not both'],
  ['key create --system --logging all', 'is not one of none, request'],
  ['key rotate 1 --overlap-hours -1', 'is ambiguous'],
  ['permission add Administer', 'Say for whom'],
  ['permission delete x', 'is not a whole number above 0'],
  ['group members g --add ann --remove ann', 'added and removed'],
  ['whoami', 'Say which server'],
  ['whoami --url ftp://x', 'is not http'],
  ['whoami --url http://x --user ann', 'go together'],
  ['key create --feed main --permission fly', 'is not one of view, add, promote, delete'],
  ['key create --system --expires-in-days 0', 'is not a whole number above 0'],
  ['key revoke x', 'is not a whole number above 0'],
]

test.for(misused)('entrepot %s is misuse: %s', async ([line, said]) => {
  const { code, stdout, stderr } = await answer(line)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(said)
  expect(stderr).not.toMatch(/^ {4}at /m)
})

test('the process itself answers with text and exit status', async () => {
  expect(await entrepot('')).toMatchObject({ code: 0, stderr: '' })
  const misuse = await entrepot('feed creat x')
  expect(misuse).toMatchObject({ code: 2, stdout: '' })
  expect(misuse.stderr).toContain('did you mean feed create?')
})

test('an invalid configuration is told whole, from every source', async () => {
  await using folder = makeTemporaryFolder('invalid')
  await writeFile(path.join(folder.path, 'entrepot.yaml'), 'lisen: 1\n')
  const env = { ENTREPOT_METRICS: 'everyone', ENTREPOT_DATADIR: 'x' }
  const { code, stderr } = await entrepot('serve --listen x', { folder, env })
  expect(code).toBe(2)
  for (const said of [
    'entrepot.yaml:1: lisen',
    'ENTREPOT_METRICS',
    'ENTREPOT_DATADIR',
    '--listen',
  ]) {
    expect(stderr).toContain(said)
  }
})

test('feeds are created, listed, changed and deleted', async () => {
  await using folder = makeTemporaryFolder('feeds')
  const run = async (line: string) => {
    const result = await entrepot(line, { folder })
    expect(result).toMatchObject({ code: 0, stderr: '' })
    return result.stdout
  }
  await run('migrate')
  await run('feed create Team --description ours --alternate-name crew --tag-deletion on')
  const list = async () => JSON.parse(await run('feed list --json'))
  expect(await list()).toEqual([
    {
      name: 'Team',
      alternateNames: ['crew'],
      description: 'ours',
      active: true,
      tagDeletion: true,
      sparseIndexes: expect.any(Boolean),
      externalLayers: expect.any(Boolean),
      overwrite: 'allowed',
      quotaBytes: null,
      repositoryQuotaBytes: null,
    },
  ])
  const changes =
    '--rename Crowd --active off --tag-deletion off --sparse-indexes on --overwrite never'
  await run(`feed set team ${changes}`)
  const [changed] = await list()
  expect(changed).toMatchObject({
    name: 'Crowd',
    active: false,
    tagDeletion: false,
    sparseIndexes: true,
    externalLayers: true,
    overwrite: 'never',
    description: 'ours',
  })
  await run('feed set crowd --quota 50GB --repository-quota 1.5GiB')
  const [bounded] = await list()
  expect(bounded).toMatchObject({ quotaBytes: 50e9, repositoryQuotaBytes: 1.5 * 2 ** 30 })
  expect(await run('feed list')).toMatch(/OVERWRITE +QUOTA.*\nCrowd .*never +50.0 GB/)
  await run('feed set crowd --quota none')
  expect((await list())[0]).toMatchObject({ quotaBytes: null, repositoryQuotaBytes: 1.5 * 2 ** 30 })
  const none = await entrepot('repository set crowd/app --quota 1GB', { folder })
  expect(none).toMatchObject({ code: 1, stderr: 'entrepot: There is no repository crowd/app.\n' })
  expect(await run('feed list')).toMatch(/^NAME +ALTERNATE NAMES.*\nCrowd +/)
  await run('feed delete crowd --yes')
  expect(await list()).toEqual([])
  const again = await entrepot('feed delete crowd --yes', { folder })
  expect(again).toMatchObject({ code: 1, stdout: '' })
  expect(again.stderr.trim().split('\n')).toHaveLength(1)
})

test('where no server keeps its data, a command says so, and makes nothing', async () => {
  await using folder = makeTemporaryFolder('nowhere')
  const refused = await entrepot('feed create team', { folder })
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toMatch(/There is no database .*entrepot\.db: say where .*--data-dir/)
  expect(await readdir(folder.path)).toEqual([])
})

test('a database of an older version is left to its server, until migrate is told', async () => {
  await using folder = makeTemporaryFolder('older')
  const url = `sqlite:${folder.path}/data/entrepot.db`
  const older = await openDatabase({ url, migrations: migrationsUpTo('012-backups') })
  const refused = await entrepot('feed list', { folder })
  expect(refused.stderr).toMatch(/is at 012-backups, of an older version.*entrepot migrate/)
  expect(refused.code).toBe(1)
  await older[Symbol.asyncDispose]()
  expect(await entrepot('migrate', { folder })).toMatchObject({ code: 0 })
  expect(await entrepot('feed list', { folder })).toMatchObject({ code: 0 })
})

test('keys are created, listed and revoked; the secret is on the standard output alone', async () => {
  await using folder = makeTemporaryFolder('keys')
  const run = (line: string) => entrepot(line, { folder })
  await run('migrate')
  await run('feed create team')
  const created = await run('key create --feed team --permission view --permission add --name ci')
  expect(created.code).toBe(0)
  const key = created.stdout.trim()
  expect(key).toMatch(/^\S{20,}$/)
  expect(created.stderr).not.toContain(key)
  const other = JSON.parse((await run('key create --system --expires-in-days 1 --json')).stdout)
  expect(other).toEqual({ id: expect.any(Number), key: expect.any(String) })
  const listed = await run('key list --json')
  expect(listed.stdout).not.toContain(key)
  const [first, second] = JSON.parse(listed.stdout)
  expect(first).toMatchObject({ type: 'feed', feed: 'team', permissions: ['view', 'add'] })
  expect(first).toMatchObject({ displayName: 'ci', expires: null })
  expect(second).toMatchObject({ id: other.id, type: 'system', feed: null })
  expect(Date.parse(second.expires) - Date.now()).toBeLessThanOrEqual(86_400_000)
  expect((await run(`key revoke ${first.id}`)).code).toBe(0)
  expect((await run('key revoke 999')).code).toBe(1)
  const ids = JSON.parse((await run('key list --json')).stdout).map(({ id }: { id: number }) => id)
  expect(ids).toEqual([other.id])
})

test('SIGTERM ends the server in peace; the first start told its password once', async () => {
  await using folder = makeTemporaryFolder('serve')
  const first = await serve(folder)
  expect((await fetch(`${first.url}/health`)).status).toBe(200)
  expect(await first.daemon.end('SIGTERM')).toBe(0)
  const log = await readFile(first.daemon.logFile, 'utf8')
  const password = /with the password (\S+)/.exec(log)?.[1] ?? ''
  expect(password.length).toBeGreaterThan(10)
  const lines = log.split('\n').filter((line) => line.startsWith('{'))
  expect(lines.length).toBeGreaterThan(0)
  for (const line of lines) expect(JSON.parse(line)).toHaveProperty('message')
  expect(lines.join('')).not.toContain(password)
  const second = await serve(folder)
  expect((await askToken(second.url, password)).status).toBe(200)
  expect(await readFile(second.daemon.logFile, 'utf8')).not.toContain('with the password')
  expect(await second.daemon.end('SIGINT')).toBe(0)
})

function askToken(url: string, password: string) {
  const authorization = `Basic ${Buffer.from(`Admin:${password}`).toString('base64')}`
  return fetch(`${url}/v2/_auth?service=x`, { headers: { authorization } })
}

test('a password is reset beside the running server', async () => {
  await using folder = makeTemporaryFolder('reset')
  const { daemon, url } = await serve(folder, '--admin-password', 'the first password')
  await using _ = daemon
  expect((await askToken(url, 'the first password')).status).toBe(200)
  const made = await entrepot('user reset-password Admin', { folder })
  expect(made.code).toBe(0)
  const password = made.stdout.trim()
  const input = 'a password of my own\n'
  const given = await entrepot('user reset-password admin --password-stdin', { folder, input })
  expect(given).toMatchObject({ code: 0, stdout: '' })
  expect(given.stderr).not.toContain('of my own')
  await waitForStatus(() => askToken(url, 'a password of my own'), 200)
  expect((await askToken(url, password)).status).toBe(401)
  expect((await askToken(url, 'the first password')).status).toBe(401)
  const upgraded = await entrepot('migrate', { folder })
  expect(upgraded.stderr).toMatch(/A server has the data folder .*: stop it, then upgrade/)
  const empty = await entrepot('user reset-password Admin --password-stdin', { folder })
  expect(empty.code).toBe(1)
  expect((await entrepot('user reset-password nobody', { folder })).code).toBe(1)
})

async function waitForStatus(ask: () => Promise<Response>, status: number) {
  for (let turn = 0; turn < 50 && (await ask()).status !== status; turn++) await sleep(50)
  expect((await ask()).status).toBe(status)
}

test('a request that runs is waited for at SIGTERM; a second signal does not wait', async () => {
  await using folder = makeTemporaryFolder('signals')
  const password = 'correct horse battery'
  const { daemon, url } = await serve(folder, '--admin-password', password)
  await using _ = daemon
  const upload = await startUpload(url, password)
  process.kill(daemon.pid, 'SIGTERM')
  await waitForRefusal(url)
  expect(daemon.exitCode()).toBeUndefined()
  upload.end('b')
  const [answer] = (await once(upload, 'response')) as [http.IncomingMessage]
  expect(answer.statusCode).toBe(202)
  expect(await waitForEnd(daemon)).toBe(0)

  const second = await serve(folder)
  await using __ = second.daemon
  const hanging = await startUpload(second.url, password)
  hanging.on('error', () => {})
  process.kill(second.daemon.pid, 'SIGTERM')
  await waitForRefusal(second.url)
  expect(second.daemon.exitCode()).toBeUndefined()
  expect(await second.daemon.end('SIGTERM')).toBe(1)
})

/** A PATCH of two bytes of which one has been sent. */
async function startUpload(url: string, password: string): Promise<http.ClientRequest> {
  const authorization = `Basic ${Buffer.from(`Admin:${password}`).toString('base64')}`
  const post = await fetch(`${url}/v2/main/app/blobs/uploads/`, {
    method: 'POST',
    headers: { authorization },
  })
  expect(post.status).toBe(202)
  const req = http.request(new URL(post.headers.get('location') ?? '', url), {
    method: 'PATCH',
    headers: { authorization, 'content-length': 2, 'content-type': 'application/octet-stream' },
  })
  req.write('a')
  await sleep(300)
  return req
}

async function waitForRefusal(url: string) {
  for (let turn = 0; turn < 100; turn++) {
    const refused = await fetch(`${url}/health`).then(
      () => false,
      () => true,
    )
    if (refused) return
    await sleep(20)
  }
  throw new Error('it still accepts')
}

async function waitForEnd(daemon: Daemon) {
  for (let turn = 0; turn < 500 && daemon.exitCode() === undefined; turn++) await sleep(10)
  return daemon.exitCode()
}

const openssl = needs({ program: 'openssl', package: 'openssl' })

test.skipIf(openssl.skip)(
  `SIGHUP takes the new certificate at once ${openssl.reason}`,
  async () => {
    await using folder = makeTemporaryFolder('hangup')
    const { certFile, keyFile } = await makeCertificates(folder.path)
    const { daemon, url } = await serve(folder, '--tls-cert', certFile, '--tls-key', keyFile)
    await using _ = daemon
    const serialNow = () =>
      new Promise<string>((resolve, reject) => {
        const options = { agent: false, rejectUnauthorized: false } as const
        const req = https.get(`${url}/health`, options, (res) => {
          resolve((res.socket as import('node:tls').TLSSocket).getPeerCertificate().serialNumber)
          res.resume()
        })
        req.on('error', reject)
      })
    const before = await serialNow()
    await makeCertificates(folder.path)
    process.kill(daemon.pid, 'SIGHUP')
    const start = performance.now()
    while ((await serialNow()) === before && performance.now() - start < 3000) await sleep(20)
    expect(await serialNow()).not.toBe(before)
    expect(await daemon.end('SIGTERM')).toBe(0)
  },
)

test('an address in use is one line and exit 1', async () => {
  await using folder = makeTemporaryFolder('taken')
  await using other = makeTemporaryFolder('taken-too')
  const { daemon, url } = await serve(folder)
  await using _ = daemon
  const { code, stderr } = await entrepot(`serve --listen ${new URL(url).host} --disk-reserve 0`, {
    folder: other,
  })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^entrepot: Cannot listen on .*another process uses the address\.\n$/)
})

test.skipIf(process.platform !== 'linux')('start.cjs gives libuv 16 threads', async () => {
  await using folder = makeTemporaryFolder('threads')
  const daemon = startDaemon({
    program: process.execPath,
    args: [main.replace(/main\.js$/, 'start.cjs'), 'serve', '--listen', '127.0.0.1:0'],
    cwd: folder.path,
    env: { ...bareEnvironment, ENTREPOT_DISK_RESERVE: '0' },
    logFile: path.join(folder.path, 'serve.log'),
  })
  await using _ = daemon
  await waitUntilReady(daemon, async () => logTail(daemon).includes('listens on'), 30)
  const { readdir } = await import('node:fs/promises')
  const threads = await readdir(`/proc/${daemon.pid}/task`)
  // Besides the pool: main, four of V8, the writer and its own helpers; with 4 in the pool about 12.
  expect(threads.length).toBeGreaterThanOrEqual(20)
})

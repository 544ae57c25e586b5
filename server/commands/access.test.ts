import path from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { beforeAll, expect, test } from 'vitest'
import { buildServer } from '../../test/support/build.ts'
import { runCommand } from '../../test/support/command.ts'
import { startServer } from '../../test/support/server.ts'
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts'

let main = ''
beforeAll(async () => {
  main = await buildServer()
}, 120_000)

/** The command line beside a data folder; an argument may have spaces. */
function commandsFor(dataDir: string) {
  return async (words: string, options: { rest?: readonly string[]; input?: string } = {}) => {
    const { rest = [], input = '' } = options
    const args = [...words.split(' '), ...rest]
    return await runCommand(process.execPath, [main, ...args], {
      cwd: path.dirname(dataDir),
      env: { PATH: process.env.PATH ?? '', ENTREPOT_DATA_DIR: dataDir },
      input,
    })
  }
}

const done = { code: 0 }

test('users, groups and permissions are kept on the command line', async () => {
  await using folder = makeTemporaryFolder('access')
  const run = commandsFor(path.join(folder.path, 'data'))
  await run('migrate')
  const json = async (words: string) => JSON.parse((await run(`${words} --json`)).stdout)

  expect(await run('group add', { rest: ['Build team', '--description', 'who builds'] })).toEqual(
    expect.objectContaining(done),
  )
  const added = await run('user add Ann --email ann@example.test', {
    rest: ['--group', 'build TEAM', '--display-name', 'Ann Example'],
  })
  expect(added).toMatchObject(done)
  expect(added.stdout).toMatch(/^[A-Za-z2-9]{24}\n$/)
  expect(await run('user add bob --password-stdin', { input: 'a good password' })).toMatchObject({
    ...done,
    stdout: '',
  })
  expect(await run('user add ANN')).toMatchObject({ code: 1 })
  expect(await json('user list')).toMatchObject([
    { name: 'Ann', displayName: 'Ann Example', groups: ['Build team'], active: true },
    { name: 'bob', groups: [] },
  ])

  const members = (rest: readonly string[]) =>
    run('group members', { rest: ['build team', ...rest] })
  expect((await members(['--add', 'bob', '--remove', 'ann'])).stdout).toBe('bob\n')
  expect((await members([])).stdout).toBe('bob\n')
  expect(await members(['--add', 'nobody'])).toMatchObject({ code: 1 })
  expect(await json('group list')).toEqual([
    { name: 'Build team', description: 'who builds', users: ['bob'] },
  ])

  await run('feed create team')
  const allow = ['Publish Packages', '--group', 'Build team', '--feed', 'team']
  const permission = (rest: readonly string[]) => run('permission add', { rest })
  expect(await permission([...allow, '--repositories', 'app/*'])).toMatchObject(done)
  expect(
    await permission(['View & Download Packages', '--user', 'Everyone', '--deny']),
  ).toMatchObject(done)
  expect((await permission(['Fly', '--user', 'bob'])).stderr).toContain('no task "Fly"')
  const [first, second] = await json('permission list')
  expect(first).toMatchObject({ group: 'Build team', feed: 'team', repositories: 'app/*' })
  expect(second).toMatchObject({ user: 'Everyone', deny: true, feed: null })
  expect(await run(`permission delete ${second.id}`)).toMatchObject(done)
  expect(await run(`permission delete ${second.id}`)).toMatchObject({ code: 1 })

  expect(await run('user disable bob')).toMatchObject({
    ...done,
    stdout: 'bob may not log in any more.\n',
  })
  expect((await json('user list'))[1]).toMatchObject({ name: 'bob', active: false })
  expect(await run('user enable bob')).toMatchObject({ ...done, stdout: 'bob may log in.\n' })
  expect(await run('user delete bob')).toMatchObject(done)
  expect(await run('user delete bob')).toMatchObject({ code: 1 })
  expect((await members([])).stdout).toBe('')
}, 180_000)

test('keys of every kind, and a rotation', async () => {
  await using folder = makeTemporaryFolder('keys')
  const run = commandsFor(path.join(folder.path, 'data'))
  await run('migrate')
  await run('feed create team')
  await run('user add ann')
  const create = (options: string) => run(`key create ${options}`)
  expect(await create('--personal ann --permission view --logging request')).toMatchObject(done)
  expect(await create('--feed team --repositories app/* --expires 2099-01-31')).toMatchObject(done)
  expect(await create('--system --permission feeds')).toMatchObject(done)
  expect((await create('--personal nobody')).stderr).toContain('no user "nobody"')
  expect((await create('--feed-group none')).stderr).toContain('no feed group "none"')
  expect((await create('--feed team --repositories UPPER')).stderr).toContain('upper-case')
  const list = async () => JSON.parse((await run('key list --json')).stdout)
  const [personal, feed, system] = await list()
  expect(personal).toMatchObject({ user: 'ann', permissions: ['view'], logging: 'request' })
  expect(feed).toMatchObject({ repositories: 'app/*', expires: '2099-01-31T00:00:00.000Z' })
  expect(system).toMatchObject({
    type: 'system',
    permissions: ['feeds'],
    createdBy: 'command line',
  })
  const rotated = await run(`key rotate ${feed.id} --overlap-hours 2`)
  expect(rotated.stdout).toMatch(/^ent_\S+\n$/)
  const [, after] = await list()
  expect(Date.parse(after.secondExpires) - Date.now()).toBeLessThanOrEqual(2 * 3_600_000)
  expect(await run('key rotate 999')).toMatchObject({ code: 1 })
  expect((await run('key list')).stdout).toContain('team: app/*')
}, 180_000)

test('when everybody is locked out, one command lets Admin in again', async () => {
  await using server = await startServer()
  const run = commandsFor(server.config.dataDir)
  const whoami = (password: string) =>
    fetch(`${server.url}/api/sessions/whoami`, {
      headers: { authorization: `Basic ${Buffer.from(`Admin:${password}`).toString('base64')}` },
    })
  lockEverybodyOut(path.join(server.config.dataDir, 'entrepot.db'))
  expect(
    await run('user reset-password Admin --password-stdin', { input: 'first new one' }),
  ).toMatchObject(done)
  expect((await run('user list')).stdout).toMatch(/^Admin .* no /m)
  const recovered = await run('user reset-password admin --recover')
  expect(recovered).toMatchObject(done)
  const password = recovered.stdout.trim()
  await expect
    .poll(async () => (await whoami(password)).status, { timeout: 10_000, interval: 400 })
    .toBe(200)
  expect(await (await whoami(password)).json()).toMatchObject({ administrator: true })
}, 180_000)

test('whoami asks a running server', async () => {
  await using server = await startServer()
  const run = commandsFor(server.config.dataDir)
  await server.createFeed('team')
  const { key } = await server.createKey('team', ['view'])
  const url = ['--url', server.url]
  const asAdmin = await run('whoami --user admin --password-stdin', {
    rest: url,
    input: server.adminPassword,
  })
  expect(asAdmin).toMatchObject(done)
  expect(asAdmin.stdout).toMatch(/^Admin \(user\)\n/)
  expect(asAdmin.stdout).toMatch(/^team .*Feeds_DeletePackage/m)
  expect(asAdmin.stdout).toMatch(/^\(the server\) .*Admin_ConfigureProGet/m)
  const asKey = await run('whoami --api-key-stdin --json', { rest: url, input: `${key}\n` })
  const { kind, rights } = JSON.parse(asKey.stdout)
  expect(kind).toBe('key')
  expect(rights).toEqual([
    { feed: null, rights: [] },
    { feed: 'team', rights: ['Feeds_ViewFeed', 'Feeds_DownloadPackage'] },
  ])
  const anonymous = JSON.parse((await run('whoami --json', { rest: url })).stdout)
  expect(anonymous).toMatchObject({ kind: 'anonymous', name: 'Anonymous' })
  const wrong = await run('whoami --user admin --password-stdin', { rest: url, input: 'wrong one' })
  expect(wrong).toMatchObject({ code: 1, stdout: '' })
  expect(wrong.stderr).toContain('401')
  const nobody = await run('whoami --url http://127.0.0.1:1')
  expect(nobody).toMatchObject({ code: 1 })
}, 180_000)

/** As only somebody with the database can: commands and API refuse it. */
function lockEverybodyOut(file: string): void {
  // The server writes now and then.
  const db = new DatabaseSync(file, { timeout: 10_000 })
  db.exec(`
    update users set active = 0;
    update permissions set deny = 1;
    update tasks set attributes = '[]' where "key" = 'administer'
  `)
  db.close()
}

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { type Client, call, callPage } from '../../contract/call.ts'
import { askApi, clientOf, problemOf } from '../support/api-call.ts'
import { describeDatabases } from '../support/databases.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { basic } from '../support/wire.ts'

const password = 'a long enough password'

/** Status and fields of the refusal that a call must end with. */
async function refusedField(promise: Promise<unknown>) {
  const { status, errors } = await problemOf(promise)
  return { status, fields: (errors as { field: string }[]).map(({ field }) => field) }
}

describeDatabases('the security API', ({ dialect, newUrl }) => {
  let server: TestServer
  let admin: Client
  beforeAll(async () => {
    server = await startServer(dialect === 'postgres' ? { databaseUrl: await newUrl() } : {})
    admin = clientOf(server.url, server.admin)
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const addUser = (name: string, more: object = {}) =>
    call(admin, api.securityUsers.add, { body: { name, password, ...more } })

  test('users are added, changed, found and deleted, deleted twice as well', async () => {
    const { securityUsers: users } = api
    const ada = await addUser('Ada', { displayName: 'Ada L.', email: 'ada@example.test' })
    expect(ada).toMatchObject({ name: 'Ada', email: 'ada@example.test', groups: [], active: true })
    expect((await problemOf(addUser('ADA'))).status).toBe(409)
    const changed = await call(admin, users.update, { body: { name: 'ada', email: '' } })
    expect(changed).toMatchObject({ name: 'Ada', displayName: 'Ada L.', email: '' })
    const found = await call(admin, users.list, { query: { 'search-term': 'da l' } })
    expect(found.map(({ name }) => name)).toEqual(['Ada'])
    for (let i = 0; i < 2; i++) await call(admin, users.delete, { query: { user: 'Ada' } })
    expect(await call(admin, users.list, { query: { 'search-term': 'ada l' } })).toEqual([])
    const gone = call(admin, users.update, { body: { name: 'Ada', email: 'x' } })
    expect((await problemOf(gone)).status).toBe(404)
  })

  test('what a user cannot be is refused with the field, and never repeats the password', async () => {
    expect(await refusedField(addUser('api'))).toEqual({ status: 422, fields: ['name'] })
    expect(await refusedField(addUser('a:b'))).toEqual({ status: 422, fields: ['name'] })
    const short = addUser('Bob', { password: 'k3rs' })
    const problem = await problemOf(short)
    expect(problem).toMatchObject({ status: 422, errors: [{ field: 'password' }] })
    expect(JSON.stringify(problem)).not.toContain('k3rs')
    const stray = addUser('Bob', { groups: ['no such group'] })
    expect((await problemOf(stray)).detail).toContain('no such group')
    const answer = await askApi(server.url, {
      target: '/api/security/users/add',
      headers: { authorization: server.admin },
      json: { name: 5, email: 'a\nb', groups: 'x' },
    })
    const { errors } = answer.body as { errors: { field: string }[] }
    expect(answer.status).toBe(422)
    expect(errors.map(({ field }) => field).sort()).toEqual(['email', 'groups', 'name', 'password'])
  })

  test('lists are paged by name to the end, each item once', async () => {
    const names = ['p1', 'P2', 'p3', 'p4', 'p5']
    for (const name of names) await call(admin, api.securityGroups.add, { body: { name } })
    const seen: string[] = []
    let after: string | null = 'p'
    while (after !== null) {
      const page: { items: { name: string }[]; next: string | null } = await callPage(
        admin,
        api.securityGroups.list,
        { query: { after, count: '2' } },
      )
      expect(page.items.length).toBeLessThanOrEqual(2)
      seen.push(...page.items.map(({ name }) => name))
      after = page.next
    }
    expect(seen).toEqual(names)
    for (const count of ['0', '1001', 'x', '-1']) {
      const list = call(admin, api.securityGroups.list, { query: { count } })
      expect(await refusedField(list)).toEqual({ status: 422, fields: ['count'] })
    }
  })

  test('groups have members, and permissions for them count at the next second', async () => {
    await addUser('Cyd')
    const { securityGroups: groups, securityPermissions: permissions } = api
    const devs = await call(admin, groups.add, { body: { name: 'devs', users: ['cyd'] } })
    expect(devs).toEqual({ name: 'devs', description: '', users: ['Cyd'] })
    const given = await call(admin, permissions.add, {
      body: { task: 'Publish Packages', group: 'devs', feed: 'main' },
    })
    expect(given).toMatchObject({ group: 'devs', user: null, feed: 'main', deny: false })
    await sleep(1000)
    const cyd = clientOf(server.url, basic('Cyd', password))
    const own = await call(cyd, api.privileges.list, { query: { feed: 'main' } })
    const add = own.find(({ attribute }) => attribute === 'Feeds_AddPackage')
    expect(add).toMatchObject({ allowed: true, rule: { id: given.id, group: 'devs' } })
    const asked = await call(admin, api.privileges.list, { query: { user: 'cyd', feed: 'main' } })
    expect(asked).toEqual(own)
    const list = await call(admin, permissions.list)
    expect(list).toContainEqual(given)
    const query = { permissionId: String(given.id) }
    for (let i = 0; i < 2; i++) await call(admin, permissions.delete, { query })
    expect(await call(admin, permissions.list)).not.toContainEqual(given)
  })

  test('who may not view a registry hears the same of it as of one that is not there', async () => {
    await addUser('Dot')
    const dot = clientOf(server.url, basic('Dot', password))
    const hidden = await problemOf(call(dot, api.feeds.get, { params: { name: 'main' } }))
    const absent = await problemOf(call(dot, api.feeds.get, { params: { name: 'niam' } }))
    expect(hidden).toEqual({ ...absent, detail: absent.detail.replace('niam', 'main') })
    expect(hidden.status).toBe(404)
    const priv = await problemOf(call(dot, api.privileges.list, { query: { feed: 'main' } }))
    expect(priv.status).toBe(404)
    const others = await problemOf(call(dot, api.privileges.list, { query: { user: 'Admin' } }))
    expect(others.status).toBe(403)
    expect(await call(dot, api.feeds.list)).toEqual([])
  })

  const badPermissions: readonly (readonly [field: string, body: object])[] = [
    ['task', { task: 'No Such Task', user: 'Admin' }],
    ['user', { task: 'Administer', user: 'nobody' }],
    ['user', { task: 'Administer' }],
    ['group', { task: 'Administer', group: 'no group' }],
    ['group', { task: 'Administer', group: 'devs', user: 'Admin' }],
    ['feed', { task: 'Administer', user: 'Admin', feed: 'no feed' }],
    ['feedGroup', { task: 'Administer', user: 'Admin', feedGroup: 'no group' }],
    ['feedGroup', { task: 'Administer', user: 'Admin', feedGroup: 'a', feed: 'main' }],
    ['repositories', { task: 'Administer', user: 'Admin', repositories: 'a/*' }],
  ]
  test.for(badPermissions)('a permission with a bad %s is 422: %o', async ([field, body]) => {
    const add = call(admin, api.securityPermissions.add, { body: body as { task: string } })
    expect(await refusedField(add)).toEqual({ status: 422, fields: [field] })
  })

  test('the last administrator stays', async () => {
    const removal = call(admin, api.securityUsers.delete, { query: { user: 'Admin' } })
    expect((await problemOf(removal)).status).toBe(409)
    const off = call(admin, api.securityUsers.update, { body: { name: 'Admin', active: false } })
    expect((await problemOf(off)).status).toBe(409)
  })

  test('tasks are made of attributes; one that is used or built in stays', async () => {
    const { securityTasks: tasks } = api
    const known = await call(admin, tasks.attributes)
    expect(known).toContainEqual({ name: 'Feeds_AddPackage', scope: 'feed' })
    expect(known).toContainEqual({ name: 'Admin_ConfigureProGet', scope: 'server' })
    const attributes = ['Feeds_ViewFeed', 'Feeds_DeletePackage']
    await call(admin, tasks.add, { body: { name: 'Tidy', attributes } })
    const odd = call(admin, tasks.add, { body: { name: 'Odd', attributes: ['Feeds_Nonsense'] } })
    expect(await refusedField(odd)).toEqual({ status: 422, fields: ['attributes'] })
    await call(admin, api.securityPermissions.add, { body: { task: 'Tidy', user: 'Everyone' } })
    const query = { task: 'Tidy' }
    expect((await problemOf(call(admin, tasks.delete, { query }))).status).toBe(409)
    const builtIn = call(admin, tasks.delete, { query: { task: 'Administer' } })
    expect((await problemOf(builtIn)).status).toBe(409)
    await call(admin, tasks.delete, { query: { task: 'no such task' } })
  })

  test('a document is imported as its dry run said, and once', async () => {
    const { securityTransfer: transfer } = api
    const body = {
      users: [{ userName: 'Eve', password, groups: ['imported'] }],
      groups: [{ name: 'imported', description: 'From elsewhere.' }],
      tasks: [{ name: 'Look', attributes: ['Feeds_ViewFeed'] }],
      permissions: [{ task: 'Look', group: 'imported', feed: 'main' }],
    }
    const dry = await call(admin, transfer.import, { query: { dryRun: 'true' }, body })
    expect(dry.dryRun).toBe(true)
    expect(dry.steps.map(({ action, kind }) => `${action} ${kind}`)).toEqual([
      'create group',
      'create task',
      'create user',
      'create permission',
    ])
    const groups = await call(admin, api.securityGroups.list)
    expect(groups.map(({ name }) => name)).not.toContain('imported')
    const done = await call(admin, transfer.import, { body })
    expect(done.steps).toEqual(dry.steps)
    const exported = await call(admin, transfer.export)
    expect(exported.users?.find(({ userName }) => userName === 'Eve')).toMatchObject({
      groups: ['imported'],
      passwordHash: expect.stringMatching(/^scrypt\$/),
    })
    // What is exported is there already.
    expect((await call(admin, transfer.import, { body: exported })).steps).toEqual([])
    const eve = clientOf(server.url, basic('Eve', password))
    expect((await call(eve, api.sessions.whoami)).name).toBe('Eve')
  })

  test('of a bad document nothing is taken, and every problem is told', async () => {
    const body = {
      users: [{ userName: 'Fay' }, { userName: 'Gus', password, groups: ['nowhere'] }],
      groups: [{ name: 'half' }],
      permissions: [{ task: 'No Task', user: 'Gus' }],
    }
    const bad = call(admin, api.securityTransfer.import, { body })
    expect(await refusedField(bad)).toEqual({
      status: 422,
      fields: ['users.0.password', 'users.1.groups', 'permissions.0.task'],
    })
    const groups = await call(admin, api.securityGroups.list)
    expect(groups.map(({ name }) => name)).not.toContain('half')
    const weak = { users: [{ userName: 'Hal', passwordHash: 'scrypt$2$8$1$AAAA$AAAA' }] }
    const refused = call(admin, api.securityTransfer.import, { body: weak })
    expect((await problemOf(refused)).status).toBe(422)
  })

  test('no answer but export has a hash, and the audit has no secret at all', async () => {
    const made = await call(admin, api.apiKeys.create, { body: { type: 'feed', feed: 'main' } })
    const answers = [
      await call(admin, api.securityUsers.list),
      await call(admin, api.apiKeys.list),
      await call(admin, api.audit.list, { query: { count: '1000' } }),
    ]
    const text = JSON.stringify(answers)
    for (const secret of ['scrypt$', password, made.key ?? 'ent_'])
      expect(text).not.toContain(secret)
  })
})

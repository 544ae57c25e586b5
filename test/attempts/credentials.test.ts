import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { askApi } from '../support/api-call.ts'
import { openMemoryLog } from '../support/memory-log.ts'
import {
  addPerson,
  addPersonalKey,
  adminOf,
  type Person,
  statusOf,
  tasks,
  untilRulesAreNew,
} from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'
import {
  findSlapd,
  ldapSettings,
  people,
  person,
  type Slapd,
  service,
  startSlapd,
} from '../support/slapd.ts'
import { basic, send } from '../support/wire.ts'

const memory = openMemoryLog()
let server: TestServer
let ann: Person
let annKey: string
beforeAll(async () => {
  server = await startServer({ logLevel: 'debug' }, { log: memory.log })
  ann = await addPerson(server, 'ann', { task: tasks.view, feed: 'main' })
  await untilRulesAreNew()
  annKey = (await addPersonalKey(server, ann)).key
})
afterAll(() => server[Symbol.asyncDispose]())
beforeEach(() => memory.clear())

const whoami = async (authorization: string) => {
  const answer = await askApi(server.url, {
    target: '/api/sessions/whoami',
    headers: { authorization },
  })
  return answer.status === 200 ? (answer.body as { name: string }).name : answer.status
}
const addUser = (json: object) =>
  askApi(server.url, {
    target: '/api/security/users/add',
    headers: { authorization: server.admin },
    json,
  })

describe('a user named', () => {
  const reserved = [
    'api',
    'API',
    'Api',
    'ＡＰＩ',
    'ａpi',
    'Anonymous',
    'ANONYMOUS',
    'Everyone',
    'Authenticated',
    'Ｅveryone',
    'ＡＮＯＮＹＭＯＵＳ',
    'ᴬnonymous',
  ]
  test.for(reserved)('"%s" is not made', async (name) => {
    const answer = await addUser({ name, password: 'long enough password' })
    expect(answer.status).toBe(422)
    const document = { users: [{ userName: name, password: 'long enough password' }] }
    const imported = await askApi(server.url, {
      target: '/api/security/import',
      headers: { authorization: server.admin },
      json: document,
    })
    expect(imported.status).toBe(422)
  })

  test.for([
    ['another case', 'ADMIN'],
    ['full-width letters', 'Ａｄｍｉｎ'],
    ['a letter in bold', '𝐀dmin'],
    ['a superscript', 'ᴬdmin'],
    ['a ligature that falls apart', 'Admiｎ'],
  ])('as Admin in %s is Admin, who is there already', async ([, name]) => {
    expect((await addUser({ name, password: 'long enough password' })).status).toBe(409)
  })

  test.for([
    ['a space behind', 'Admin '],
    ['a space in front', ' Admin'],
    ['a no-break space', 'Admin\u00a0'],
    ['an ideographic space', 'Admin\u3000'],
    ['a tab', 'Admin\t'],
    ['a NUL', 'Admin\0'],
    ['a colon', 'Admin:x'],
    ['a line break', 'Admin\nx'],
    ['half a character', 'Admin\ud800'],
    ['nothing', ''],
    ['101 characters', 'x'.repeat(101)],
    ['characters that grow to 900', '\ufdfa'.repeat(50)],
  ])('with %s is not made', async ([, name]) => {
    expect((await addUser({ name, password: 'long enough password' })).status).toBe(422)
  })

  test('with letters of another script that look alike is somebody else, with no right of Admin', async () => {
    // Cyrillic А, and letters that show as nothing: other names to everybody but the eye.
    for (const name of ['Аdmin', 'Adm\u0131n', 'Admin\u200b', 'Ad\u00admin']) {
      const made = await addUser({ name, password: 'the password of the look-alike' })
      expect([200, 409, 422], name).toContain(made.status)
      if (made.status !== 200) continue
      const authorization = basic(name, 'the password of the look-alike')
      expect(await whoami(authorization)).toBe(name)
      expect(await statusOf(server, '/api/security/users/list', { authorization })).toBe(403)
      expect(await whoami(basic(name, server.adminPassword))).toBe(401)
    }
    expect(await whoami(server.admin)).toBe('Admin')
  })
})

describe('a login', () => {
  const passwords = [
    ['empty', ''],
    ['in another case', 'CORRECT HORSE BATTERY STAPLE'],
    ['with a space behind', 'correct horse battery staple '],
    ['with a NUL behind', 'correct horse battery staple\0'],
    ['with a NUL and more behind', 'correct horse battery staple\0x'],
    ['cut by one', 'correct horse battery stapl'],
    ['that is a hash', 'scrypt$32768$8$1$c2FsdA==$aGFzaA=='],
    ['of SQL', "' or '1'='1' --"],
    ['of wildcards', '%'],
    ['of 5 KB', 'x'.repeat(5000)],
  ] as const
  test.for(passwords)('with a password %s is refused', async ([, password]) => {
    expect(await whoami(basic('Admin', password))).toBe(401)
  })

  test.for([
    "Admin' --",
    "' or 1=1 --",
    'Admin"; drop table users; --',
    'Admin%',
    'Adm_n',
    'Admin\\',
    'Admin/*',
    '*',
    '%',
    'Admin ',
    ' Admin',
    'Admin\0',
    'Admin\n',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '1',
    'user:1',
    'Entrepot',
    'command line',
    'API key 1',
    'Anonymous',
    'Everyone',
    'Authenticated',
    '',
  ])('as %j with the password of Admin is refused', async (name) => {
    expect(await whoami(basic(name, server.adminPassword))).toBe(401)
    const login = await askApi(server.url, {
      target: '/api/sessions/login',
      json: { userName: name, password: server.adminPassword },
    })
    expect(login.status).toBe(401)
    expect((await call(adminOf(server), api.securityUsers.list)).length).toBeGreaterThan(1)
  })

  test('as Admin in another case or width is Admin: names match so', async () => {
    for (const name of ['admin', 'ADMIN', 'Ａｄｍｉｎ']) {
      expect(await whoami(basic(name, server.adminPassword))).toBe('Admin')
    }
  })

  test('with a Basic header that is no text, or not whole, is refused', async () => {
    const good = server.admin.slice(6)
    for (const header of [
      'Basic',
      'Basic ',
      `Basic ${good.slice(0, -2)}!`,
      `Basic ${good}====`,
      `Basic  ${good} x`,
      `Basic ${Buffer.from('Admin').toString('base64')}`,
      `Basic ${Buffer.from([0x41, 0x3a, 0xff, 0xfe]).toString('base64')}`,
      `Basic realm="x", ${good}`,
      `Basic ${good}, Bearer x`,
      'Basic null',
    ]) {
      expect(await whoami(header), header).toBe(401)
    }
    expect(await whoami(`bAsIc ${good}`)).toBe('Admin')
  })
})

describe('an API key', () => {
  const changed: readonly (readonly [what: string, change: (key: string) => string])[] = [
    ['cut by one', (key) => key.slice(0, -1)],
    ['cut to its prefix', (key) => key.slice(0, 12)],
    ['that is only the prefix', () => 'ent_'],
    ['longer by one', (key) => `${key}A`],
    ['in capitals', (key) => key.toUpperCase()],
    [
      'whose last character is another',
      (key) => key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A'),
    ],
    [
      'whose first character is another',
      (key) => `ent_${key[4] === 'A' ? 'B' : 'A'}${key.slice(5)}`,
    ],
    ['with the prefix of an identity token', (key) => key.replace('ent_', 'entr_')],
    ['with the prefix of a session', (key) => key.replace('ent_', 'ents_')],
    ['without its prefix', (key) => key.slice(4)],
    ['with padding', (key) => `${key}=`],
    ['with a space', (key) => `${key} `],
    ['twice, with a comma', (key) => `${key},${key}`],
    ['with SQL', () => "ent_' or secret_hash like '%"],
    ['with wildcards', () => `ent_${'_'.repeat(43)}`],
    ['that is the hash of one', () => `ent_${'0'.repeat(64)}`],
  ]
  test.for(changed)('%s is refused, everywhere', async ([, change]) => {
    const key = change(annKey)
    expect(await whoami(basic('api', key))).toBe(401)
    expect(await statusOf(server, '/v2/', { authorization: basic('api', key) })).toBe(401)
    if (key.trim() === key) {
      const headers = { 'x-apikey': key }
      expect(await statusOf(server, '/api/sessions/whoami', headers)).toBe(401)
    }
    expect(await whoami(basic('api', annKey))).toMatch(/^API key /)
  })

  test('is no password of its user, and the password no key', async () => {
    expect(await whoami(basic('ann', annKey))).toBe(401)
    expect(await whoami(basic('api', ann.password))).toBe(401)
    expect(await whoami(basic('api ', annKey))).toBe(401)
    expect(await whoami(basic('ａｐｉ', annKey))).toBe(401)
  })
})

describe('a secret that was sent', () => {
  test('in the address, a header or a body is in no log line, error or audit entry', async () => {
    const secret = 'a-secret-that-was-sent'
    const answers = await Promise.all([
      askApi(server.url, { target: `/api/security/users/list?key=${annKey}` }),
      askApi(server.url, { target: `/api/security/users/list?key=${secret}` }),
      askApi(server.url, { target: `/api/nothing?key=${secret}` }),
      askApi(server.url, {
        target: '/api/security/groups/add',
        json: { API_Key: secret, name: 'x' },
      }),
      askApi(server.url, { target: '/api/security/groups/add', form: { key: secret, name: 'x' } }),
      askApi(server.url, {
        target: '/api/sessions/login',
        json: { userName: secret, password: secret },
      }),
      askApi(server.url, {
        target: '/api/sessions/login',
        json: { userName: 'ann', password: { secret } },
      }),
      askApi(server.url, {
        target: '/api/sessions/login',
        json: { userName: 'ann', pasword: secret },
      }),
      addUser({ name: 'ok', password: secret.slice(0, 3) }),
      addUser({ name: 'ok:', password: secret }),
      askApi(server.url, { target: '/v2/', headers: { authorization: basic(secret, secret) } }),
      askApi(server.url, { target: '/v2/', headers: { authorization: `Bearer ${secret}` } }),
      askApi(server.url, {
        target: '/v2/_auth',
        form: { grant_type: 'password', username: secret, password: secret },
      }),
      askApi(server.url, {
        target: '/v2/_auth',
        form: { grant_type: 'refresh_token', refresh_token: secret },
      }),
      askApi(server.url, { target: '/metrics', headers: { authorization: basic('ann', secret) } }),
    ])
    for (const answer of answers) {
      const { headers, body, status } = answer
      expect(status).toBeGreaterThanOrEqual(400)
      expect(JSON.stringify([headers, body])).not.toContain(secret)
      expect(JSON.stringify([headers, body])).not.toContain(annKey)
    }
    // Logins are written to the audit a moment later.
    await sleep(1500)
    const audit = await call(adminOf(server), api.audit.list, { query: { count: '1000' } })
    for (const text of [JSON.stringify(memory.lines()), JSON.stringify(audit)]) {
      for (const each of [secret, annKey, ann.password, server.adminPassword]) {
        expect(text).not.toContain(each)
      }
    }
  })

  test('that does not fit is not repeated by the API: JSON that breaks off', async () => {
    const answer = await send(server.url, {
      method: 'POST',
      target: '/api/sessions/login',
      headers: { 'content-type': 'application/json' },
      body: '{"userName":"ann","password":"broken-off-secret',
    })
    expect(answer.status).toBe(400)
    expect(answer.body.toString()).not.toContain('broken-off-secret')
  })
})

describe('a body of the API with', () => {
  const pollutions = [
    '{"name":"proto","__proto__":{"administrator":true}}',
    '{"name":"proto","constructor":{"prototype":{"administrator":true}}}',
    '{"name":"proto","users":["ann"],"__proto__":null}',
    '{"__proto__":{"name":"proto"}}',
    '{"name":"proto","toString":"x"}',
    '{"name":{"toString":"x"}}',
    '{"name":["proto"]}',
    '[{"name":"proto"}]',
    '"proto"',
  ]
  test.for(pollutions)('%s is refused, and pollutes nothing', async (body) => {
    for (const target of [
      '/api/security/groups/add',
      '/api/sessions/login',
      '/api/security/import',
    ]) {
      const answer = await send(server.url, {
        method: 'POST',
        target,
        headers: { authorization: server.admin, 'content-type': 'application/json' },
        body,
      })
      expect([400, 422], `${target} ${answer.body}`).toContain(answer.status)
    }
    expect(({} as { administrator?: unknown }).administrator).toBeUndefined()
    expect(({} as { name?: unknown }).name).toBeUndefined()
    expect(
      await statusOf(server, '/api/security/users/list', { authorization: ann.authorization }),
    ).toBe(403)
  })

  test('__proto__ in a form or an address is refused too', async () => {
    for (const [target, body] of [
      ['/api/security/groups/add', 'name=proto&__proto__=x'],
      ['/api/security/groups/add?__proto__[administrator]=1', 'name=proto'],
      ['/api/security/groups/add?constructor=1', 'name=proto'],
    ] as const) {
      const answer = await send(server.url, {
        method: 'POST',
        target,
        headers: {
          authorization: server.admin,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body,
      })
      expect(answer.status, target).toBe(422)
    }
  })

  test.for([
    "x'); drop table users; --",
    "' union select password_hash from users --",
    '1; update users set active = 1',
    '%',
    '_',
    '\\',
    "ann' or 'a'='a",
  ])('%s is a text like any other', async (text) => {
    const admin = adminOf(server)
    const found = await call(admin, api.securityUsers.list, { query: { 'search-term': text } })
    expect(found).toEqual([])
    const deleted = await call(admin, api.securityUsers.delete, { query: { user: text } })
    expect(deleted).toEqual({})
    for (const query of [{ by: text }, { kind: text }]) {
      expect(await call(admin, api.audit.list, { query })).toEqual([])
    }
    const names = (await call(admin, api.securityUsers.list)).map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['Admin', 'ann']))
  })
})

const slapd = findSlapd()
describe.skipIf(slapd.skip)(`a user name for a directory ${slapd.reason}`, () => {
  let directory: Slapd
  beforeAll(async () => {
    directory = await startSlapd(slapd, [
      person({ uid: 'dora', password: 'dora-password' }),
      person({ uid: 'admin', password: 'directory-password' }),
      person({ uid: 'star*', password: 'star-password' }),
    ])
    await call(adminOf(server), api.directories.add, {
      body: {
        name: 'corp',
        kind: 'ldap',
        secret: service.password,
        settings: {
          ...ldapSettings(directory),
          usersFilter: '(&(objectClass=inetOrgPerson)(uid=%s))',
        },
      },
    })
    await untilRulesAreNew()
  })
  afterAll(() => directory?.[Symbol.asyncDispose]())

  test('that is right, with its password, is let in: the attempts go to the right door', async () => {
    expect(await whoami(basic('dora', 'dora-password'))).toBe('dora')
    expect(await whoami(basic('star*', 'star-password'))).toBe('star*')
  })

  test.for([
    '*',
    'd*',
    'dor?',
    '*)(uid=*',
    'dora)(uid=*',
    '*)(objectClass=*',
    'x)(|(uid=dora)',
    'dora)(|(uid=*))(cn=x',
    'dora))(&(uid=dora',
    'dora)(!(uid=x)',
    '*)(userPassword=*',
    'dora\\2a',
    'd\\6fra',
    '\\2a',
    '(uid=dora)',
    '&',
    '|',
    'uid=dora,ou=people,dc=example,dc=org',
    'dora,ou=people',
    'dora#',
    'dora;binary',
    'dora\u0000',
    '*)(uid=*))%00',
    'dora@',
    '\\dora',
  ])('%j finds nobody, whatever password of theirs goes with it', async (name) => {
    for (const password of ['dora-password', 'star-password']) {
      expect(await whoami(basic(name, password))).toBe(401)
    }
  })

  test('with an empty password lets nobody in: the directory is not even asked to bind', async () => {
    const before = directory.operations().filter((line) => line.startsWith('BIND dn="uid=')).length
    for (const name of ['dora', 'DORA', 'star*', 'nobody']) {
      expect(await whoami(basic(name, ''))).toBe(401)
      const login = await askApi(server.url, {
        target: '/api/sessions/login',
        json: { userName: name, password: '' },
      })
      expect(login.status).toBe(401)
    }
    const after = directory.operations().filter((line) => line.startsWith('BIND dn="uid=')).length
    expect(after).toBe(before)
  })

  test('with a NUL for a password lets nobody in', async () => {
    for (const password of ['\0', '\0x', 'dora-password\0', ' ']) {
      expect(await whoami(basic('dora', password))).toBe(401)
    }
  })

  test('that is one of the server’s own is the server’s: the directory’s password does not count', async () => {
    expect(await whoami(basic('admin', 'directory-password'))).toBe(401)
    expect(await whoami(basic('Admin', 'directory-password'))).toBe(401)
    expect(await whoami(server.admin)).toBe('Admin')
  })

  test('of a user who was deleted here comes back with none of the former rights', async () => {
    const gone = await addPerson(server, 'dora2', { task: tasks.administer })
    expect(await whoami(gone.authorization)).toBe('dora2')
    await directory.administer(async (client) => {
      await client.add(`uid=dora2,${people}`, {
        objectClass: ['inetOrgPerson'],
        ...{ uid: 'dora2', cn: 'dora2', sn: 'dora2', userPassword: 'directory-dora2' },
      })
    })
    expect(await whoami(basic('dora2', 'directory-dora2'))).toBe(401)
    await call(adminOf(server), api.securityUsers.delete, { query: { user: 'dora2' } })
    await untilRulesAreNew()
    const authorization = basic('dora2', 'directory-dora2')
    expect(await whoami(authorization)).toBe('dora2')
    expect(await statusOf(server, '/api/security/users/list', { authorization })).toBe(403)
    expect(await whoami(gone.authorization)).toBe(401)
  })
})

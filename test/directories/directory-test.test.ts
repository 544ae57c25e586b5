import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  changeDirectory,
  createDirectory,
  listDirectories,
  reorderDirectories,
} from '../../server/auth/directories/directories.ts'
import {
  testLdapDirectory,
  testOidcDirectory,
} from '../../server/auth/directories/directory-test.ts'
import { parseLdapSettings } from '../../server/auth/directories/ldap-settings.ts'
import { parseOidcSettings } from '../../server/auth/directories/oidc-settings.ts'
import { openEncryption } from '../../server/auth/encrypted.ts'
import { describeDatabases } from '../support/databases.ts'
import { findFreePort } from '../support/free-port.ts'
import { clientId, startOidcProvider } from '../support/oidc-provider.ts'
import {
  findSlapd,
  group,
  groupsBase,
  ldapSettings,
  people,
  person,
  type Slapd,
  service,
  startSlapd,
} from '../support/slapd.ts'

const found = findSlapd()
const secrets = /service-password|alice-password|tried-password/

describe.skipIf(found.skip)(`the test of a directory ${found.reason}`, () => {
  let slapd: Slapd
  beforeAll(async () => {
    slapd = await startSlapd(found, [
      person({ uid: 'alice', password: 'alice-password' }),
      group('devs', ['alice']),
    ])
  })
  afterAll(() => slapd?.[Symbol.asyncDispose]())

  const directory = (more: object = {}, bindPassword: string | null = service.password) => ({
    settings: parseLdapSettings({
      ...ldapSettings(slapd),
      ...{ groupSearchBase: groupsBase, ...more },
    }),
    bindPassword,
  })
  const stepsOf = (result: { steps: readonly { step: string; reason: string | null }[] }) =>
    result.steps.map(({ step, reason }) => (reason === null ? step : `${step}!`))

  test('tells each step of a login, and what was found', async () => {
    const logIn = { user: 'alice', password: 'alice-password' }
    const result = await testLdapDirectory(
      directory({ security: 'starttls', caCertificate: slapd.caCertificate }),
      { logIn },
    )
    expect(result).toMatchObject({ ok: true, user: { name: 'alice', groups: ['devs'] } })
    expect(stepsOf(result)).toEqual([
      ...[
        'resolve',
        'connect',
        'startTls',
        'tls',
        'bind',
        'findUser',
        'checkPassword',
        'checkEnabled',
        'findGroups',
      ],
    ])
    expect(result.steps.find(({ step }) => step === 'findUser')).toEqual({
      step: 'findUser',
      sent: `(&(objectClass=inetOrgPerson)(uid=alice)) below ${people}`,
      found: `uid=alice,${people}`,
      reason: null,
    })
    expect(JSON.stringify(result)).not.toMatch(secrets)
  })

  test.for([
    [
      'a wrong password',
      {},
      { logIn: { user: 'alice', password: 'tried-password' } },
      'checkPassword',
      'refuses the password',
    ],
    ['no such user', {}, { loadUser: 'nobody' }, 'findUser', 'no such user'],
    ['no such group', {}, { loadGroup: 'nobody' }, 'findGroup', 'no such group'],
    ['an empty password', {}, { logIn: { user: 'alice', password: '' } }, undefined, 'empty'],
    [
      'no such host',
      { host: 'nowhere.invalid' },
      { loadUser: 'alice' },
      'resolve!',
      'cannot be reached',
    ],
    [
      'no such base',
      { userSearchBase: 'dc=nowhere' },
      { loadUser: 'alice' },
      'findUser!',
      'refuses',
    ],
    ['no trust', { security: 'starttls' }, { loadUser: 'alice' }, 'tls!', 'cannot be reached'],
  ] as const)('%s', async ([, settings, trial, last, message]) => {
    const result = await testLdapDirectory(directory(settings), trial)
    expect(result).toMatchObject({ ok: false, message: expect.stringContaining(message) })
    expect(stepsOf(result).at(-1)).toBe(last)
    expect(JSON.stringify(result)).not.toMatch(secrets)
  })

  test('a wrong bind password, and a server that is not there', async () => {
    const refused = await testLdapDirectory(directory({}, 'tried-password'), { loadUser: 'alice' })
    expect(stepsOf(refused).at(-1)).toBe('bind!')
    expect(JSON.stringify(refused)).not.toMatch(secrets)
    const port = await findFreePort()
    const down = await testLdapDirectory(directory({ port }), { loadUser: 'alice' })
    expect(down.steps.at(-1)).toMatchObject({
      step: 'connect',
      reason: expect.stringContaining('ECONNREFUSED'),
    })
  })

  test('a group is found by its name', async () => {
    const result = await testLdapDirectory(directory(), { loadGroup: 'DEVS' })
    expect(result).toMatchObject({ ok: true, groups: [`cn=devs,${groupsBase}`] })
  })
})

test('a provider is asked for its addresses', async () => {
  await using provider = await startOidcProvider(['http://127.0.0.1:1/callback'])
  const settings = parseOidcSettings({ issuer: provider.issuer, clientId })
  expect(await testOidcDirectory({ settings, clientSecret: null })).toMatchObject({
    ok: true,
    steps: [{ step: 'discover', found: `browsers are sent to ${provider.issuer}/auth` }],
  })
  const wrong = parseOidcSettings({ issuer: `${provider.issuer}/realm`, clientId })
  expect(await testOidcDirectory({ settings: wrong, clientSecret: null })).toMatchObject({
    ok: false,
  })
})

describeDatabases('directories', (databases) => {
  const encryption = openEncryption(new Uint8Array(32).fill(3))
  const by = { name: 'Admin', address: '127.0.0.1' }
  const settings = { host: 'ldap.example.org', bindDn: service.dn, userSearchBase: people }
  const input = { kind: 'ldap', name: 'Corp', enabled: true, settings } as const

  test('are kept in order, their secrets unread and never shown', async () => {
    const db = await databases.open()
    const deps = { db, encryption, by }
    await createDirectory(deps, { ...input, secret: 'tried-password' })
    await createDirectory(deps, { ...input, name: 'branch', secret: 'tried-password' })
    await expect(
      createDirectory(deps, { ...input, name: 'CORP', secret: 'x' }),
    ).rejects.toMatchObject({ code: 'CONFLICT' })
    await reorderDirectories(deps, ['branch'])
    const listed = await listDirectories(deps)
    expect(listed.map(({ name, key, hasSecret }) => ({ name, key, hasSecret }))).toEqual([
      { name: 'branch', key: 'branch', hasSecret: true },
      { name: 'Corp', key: 'corp', hasSecret: true },
    ])
    const stored = await db.read.selectFrom('directories').selectAll().execute()
    const events = await db.read.selectFrom('events').selectAll().execute()
    expect(JSON.stringify([listed, stored, events])).not.toMatch(secrets)
  })

  test('a secret goes to no other server than it was given for', async () => {
    const db = await databases.open()
    const deps = { db, encryption, by }
    await createDirectory(deps, { ...input, secret: 'tried-password' })
    const moved = { ...input, settings: { ...settings, host: 'evil.example.org' } }
    await expect(changeDirectory(deps, 'corp', moved)).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      detail: [{ field: 'secret', message: expect.stringContaining('another server') }],
    })
    await changeDirectory(deps, 'corp', { ...moved, secret: 'given-again' })
    const renamed = await changeDirectory(deps, 'corp', { ...moved, name: 'corporation' })
    expect(renamed).toMatchObject({ name: 'corporation', hasSecret: true })
    const [row] = await db.read.selectFrom('directories').selectAll().execute()
    expect(encryption.decrypt(row?.secret ?? '', 'directory corporation (ldap)')).toBe(
      'given-again',
    )
    await expect(changeDirectory(deps, 'corp', moved)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test.for([
    [{ secret: null }, 'secret'],
    [{ secret: '' }, 'secret'],
    [{ secret: 'x', name: 'no spaces' }, 'name'],
    [{ secret: 'x', settings: { ...settings, usersFilter: '(uid=%s' } }, 'usersFilter'],
  ] as const)('what is wrong is refused when saved: %j', async ([change, field]) => {
    const db = await databases.open()
    const creating = createDirectory({ db, encryption, by }, { ...input, ...change })
    await expect(creating).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      detail: [expect.objectContaining({ field })],
    })
    expect(await listDirectories({ db })).toEqual([])
  })
})

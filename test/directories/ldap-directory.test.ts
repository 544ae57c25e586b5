import { readFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { Client } from 'ldapts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openLdapDirectory } from '../../server/auth/directories/ldap-directory.ts'
import { parseLdapSettings } from '../../server/auth/directories/ldap-settings.ts'
import { makeCertificates } from '../support/certificates.ts'
import { needs } from '../support/require.ts'
import {
  entry,
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
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const found = findSlapd()

/** A port that a referral leads to, where nobody must ever call. */
async function listenOn(
  onConnection: (socket: Socket) => void,
): Promise<{ server: Server; port: number }> {
  const server = createServer(onConnection)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

describe.skipIf(found.skip)(`an LDAP directory ${found.reason}`, () => {
  let slapd: Slapd
  let elsewhere: { server: Server; port: number }
  const strangers: Socket[] = []

  beforeAll(async () => {
    elsewhere = await listenOn((socket) => strangers.push(socket))
    slapd = await startSlapd(found, [
      person({ uid: 'alice', password: 'alice-password', displayName: 'Alice Müller' }),
      person({ uid: 'bob', password: 'bob-password' }),
      person({ uid: 'disabled', password: 'pw', more: ['userAccountControl: 514'] }),
      person({ uid: 'enabled', password: 'pw', more: ['userAccountControl: 512'] }),
      person({ uid: 'retired', password: 'pw', more: ['employeeType: retired'] }),
      person({ uid: 'o, (odd) *\\ "name"', password: 'pw' }),
      person({ uid: 'passwordless', password: 'x' }).replace(/userPassword: .*\n/, ''),
      group('devs', ['alice']),
      group('engineers', [`cn=devs,${groupsBase}`]),
      group('everybody', [`cn=engineers,${groupsBase}`, `cn=circle,${groupsBase}`, 'bob']),
      group('circle', [`cn=everybody,${groupsBase}`]),
      entry(`cn=unique,${groupsBase}`, [
        'objectClass: groupOfUniqueNames',
        'cn: unique',
        `uniqueMember: uid=alice,${people}`,
      ]),
      entry(`ou=other,${people}`, [
        'objectClass: referral',
        'objectClass: extensibleObject',
        'ou: other',
        `ref: ldap://127.0.0.1:${elsewhere.port}/${people}`,
      ]),
    ])
  })
  afterAll(async () => {
    elsewhere.server.close()
    await slapd?.[Symbol.asyncDispose]()
  })

  const plain = () => ({
    ...ldapSettings(slapd),
    groupSearchBase: groupsBase,
    timeoutSeconds: 2,
  })
  const open = (more: object = {}, bindPassword: string | null = service.password) =>
    openLdapDirectory({ settings: parseLdapSettings({ ...plain(), ...more }), bindPassword })

  test('lets a user in, and tells name, address and groups', async () => {
    expect(await open({ uniqueIdProperty: 'entryUUID' }).logIn('ALICE', 'alice-password')).toEqual({
      externalId: expect.stringMatching(/^entryUUID=[0-9a-f-]{36}$/),
      stableIdPrefix: 'entryUUID=',
      name: 'alice',
      displayName: 'Alice Müller',
      email: 'alice@example.org',
      groups: expect.toSatisfy((names: string[]) => names.sort().join() === 'devs,unique'),
      enabled: true,
    })
  })

  test('without an id that stays, the distinguished name is the id', async () => {
    const user = await open().find('alice')
    expect(user).toMatchObject({ externalId: `uid=alice,${people}`, stableIdPrefix: null })
  })

  test.for([
    ['alice', 'wrong', 'refused'],
    ['alice', 'ALICE-PASSWORD', 'refused'],
    ['nobody', 'alice-password', 'unknown'],
    ['passwordless', 'x', 'refused'],
  ] as const)('%s with %s: %s', async ([user, password, answer]) => {
    expect(await open().logIn(user, password)).toBe(answer)
  })

  test('an empty password is refused and reaches nobody, though the server would take it', async () => {
    const client = new Client({ url: `ldap://127.0.0.1:${slapd.port}` })
    await client.bind(`uid=alice,${people}`, '')
    await client.unbind()
    const before = slapd.operations().length
    expect(await open().logIn('alice', '')).toBe('refused')
    expect(slapd.operations()).toHaveLength(before)
  })

  test('a bind name without a password is no bind', async () => {
    await expect(open({}, null).find('alice')).rejects.toThrow('refuses the password of cn=service')
    await expect(open({}, '').find('alice')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test.for([
    '*',
    'ali*',
    'alice)(uid=*',
    '*)(|(uid=*',
    'alice)(objectClass=*))(&(uid=x',
    '(|(uid=*))',
    '\\2a',
    'a\u0000lice',
    'alice\u0000',
    'uid=alice',
  ])('a user name is no filter: %j', async (name) => {
    expect(await open().logIn(name, 'alice-password')).toBe('unknown')
    expect(await open().find(name)).toBeUndefined()
  })

  test('a name of odd characters is found, with its groups', async () => {
    await slapd.administer((client) =>
      client.add(`cn=odd,${groupsBase}`, {
        objectClass: 'groupOfNames',
        cn: 'odd',
        member: `uid=o\\, (odd) *\\\\ \\"name\\",${people}`,
      }),
    )
    const user = await open().logIn('o, (odd) *\\ "name"', 'pw')
    expect(user).toMatchObject({ name: 'o, (odd) *\\ "name"', groups: ['odd'] })
  })

  test('a filter that finds several lets nobody in', async () => {
    const directory = open({ usersFilter: '(|(uid=%s)(objectClass=inetOrgPerson))' })
    expect(await directory.logIn('alice', 'alice-password')).toBe('unknown')
  })

  test('groups of groups, in a circle too', async () => {
    const names = async (nestedGroups: string, user: string) =>
      [...((await open({ nestedGroups }).find(user))?.groups ?? [])].sort()
    expect(await names('none', 'bob')).toEqual(['everybody'])
    expect(await names('search', 'bob')).toEqual(['circle', 'everybody'])
    expect(await names('search', 'alice')).toEqual([
      'circle',
      'devs',
      'engineers',
      'everybody',
      'unique',
    ])
  })

  test('who is disabled is told apart: by account control, or by a filter', async () => {
    const byControl = open({ disabledByAccountControl: true })
    expect(await byControl.logIn('disabled', 'pw')).toMatchObject({ enabled: false, groups: [] })
    expect(await byControl.logIn('enabled', 'pw')).toMatchObject({ enabled: true })
    expect(await byControl.find('alice')).toMatchObject({ enabled: false })
    const byFilter = open({ disabledFilter: '(employeeType=retired)' })
    expect(await byFilter.find('retired')).toMatchObject({ enabled: false })
    expect(await byFilter.find('alice')).toMatchObject({ enabled: true })
    expect(await open().find('disabled')).toMatchObject({ enabled: true })
  })

  test('referrals to other servers are not followed', async () => {
    expect(await open().find('alice')).toMatchObject({ name: 'alice' })
    expect(strangers).toEqual([])
  })

  describe('over TLS', () => {
    test.for(['starttls', 'ldaps'] as const)('%s with our authority', async (security) => {
      const port = security === 'ldaps' ? slapd.ldapsPort : slapd.port
      const directory = open({ security, port, caCertificate: slapd.caCertificate })
      expect(await directory.logIn('alice', 'alice-password')).toMatchObject({ name: 'alice' })
    })

    test.for(['starttls', 'ldaps'] as const)(
      '%s with a wrong or no authority',
      async (security) => {
        await using folder = makeTemporaryFolder('authority')
        const { caFile } = await makeCertificates(folder.path)
        const port = security === 'ldaps' ? slapd.ldapsPort : slapd.port
        const before = slapd.operations().filter((line) => line.startsWith('BIND')).length
        const wrong = open({ security, port, caCertificate: await readFile(caFile, 'utf8') })
        await expect(wrong.logIn('alice', 'alice-password')).rejects.toThrow(/self-signed|verify/)
        await expect(open({ security, port }).find('alice')).rejects.toMatchObject({
          code: 'UNAVAILABLE',
        })
        expect(slapd.operations().filter((line) => line.startsWith('BIND'))).toHaveLength(before)
        const careless = open({ security, port, dangerouslySkipCertificateCheck: true })
        expect(await careless.find('alice')).toMatchObject({ name: 'alice' })
      },
    )

    test('a certificate for another host is refused', async () => {
      const directory = open({
        ...{ host: '127.0.0.2', port: slapd.ldapsPort, security: 'ldaps' },
        caCertificate: slapd.caCertificate,
      })
      await expect(directory.find('alice')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    })
  })

  describe('that fails', () => {
    test('slow: an error within its time', async () => {
      await slapd.freeze()
      try {
        await expect(open({ timeoutSeconds: 1 }).logIn('alice', 'alice-password')).rejects.toThrow(
          'did not answer within 1 seconds',
        )
      } finally {
        slapd.thaw()
      }
    })

    test('down: an error that says why, and it works again afterwards', async () => {
      await slapd.stop()
      await expect(open().find('alice')).rejects.toThrow('ECONNREFUSED')
      await slapd.start()
      expect(await open().find('alice')).toMatchObject({ name: 'alice' })
    })

    test('no such host', async () => {
      await expect(open({ host: 'no-such-host.invalid' }).find('alice')).rejects.toThrow(
        /no-such-host.invalid:\d+ cannot be reached/,
      )
    })

    test('a wrong search base, a wrong bind password', async () => {
      await expect(open({ userSearchBase: 'dc=nowhere' }).find('alice')).rejects.toThrow('refuses')
      await expect(open({}, 'wrong').find('alice')).rejects.toThrow('refuses the password')
    })
  })
})

/** What a server answers to StartTLS: message 1, ExtendedResponse, success. */
const startTlsAgreed = Buffer.from('300c02010178070a010004000400', 'hex')
/** A bind that succeeded, for the message that would be next. */
const bindSucceeded = Buffer.from('300c02010261070a010004000400', 'hex')

describe('a server in between', () => {
  const settingsFor = (port: number) =>
    parseLdapSettings({
      host: '127.0.0.1',
      port,
      security: 'starttls',
      dangerouslySkipCertificateCheck: true,
      userSearchBase: people,
      timeoutSeconds: 2,
    })

  test.for([
    ['a whole answer behind the one to StartTLS', Buffer.concat([startTlsAgreed, bindSucceeded])],
    ['half an answer', Buffer.concat([startTlsAgreed, bindSucceeded.subarray(0, 13)])],
    ['another result', Buffer.from('300c02010178070a013504000400', 'hex')],
    [
      'the answer to something else',
      Buffer.from('300c02010178070a010004000400'.replace('020101', '020105'), 'hex'),
    ],
    ['no LDAP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'.padEnd(200))],
    ['a length that never ends', Buffer.from('3084ffffffff', 'hex')],
  ] as const)('cannot put anything into the encrypted connection: %s', async ([, answer]) => {
    const received: Buffer[] = []
    const { server, port } = await listenOn((socket) => {
      socket
        .on('error', () => {})
        .on('data', (chunk) => {
          if (received.push(chunk) === 1) socket.write(answer)
        })
    })
    try {
      const directory = openLdapDirectory({ settings: settingsFor(port), bindPassword: null })
      await expect(directory.logIn('alice', 'secret-password')).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      })
      expect(Buffer.concat(received).toString('latin1')).not.toContain('secret-password')
    } finally {
      server.close()
    }
  })

  const openssl = needs({ program: 'openssl', package: 'openssl' })
  const broken = `a connection that breaks is not opened again, without encryption ${openssl.reason}`
  test.skipIf(openssl.skip)(broken, async () => {
    await using folder = makeTemporaryFolder('authority')
    const { certFile, keyFile } = await makeCertificates(folder.path)
    const pair = { cert: await readFile(certFile), key: await readFile(keyFile) }
    const received: Buffer[] = []
    let connections = 0
    let encrypted = 0
    const { server, port } = await listenOn((socket) => {
      connections += 1
      socket
        .on('error', () => {})
        .once('data', (chunk) => {
          received.push(chunk)
          socket.write(startTlsAgreed)
          const secure = new TLSSocket(socket, { ...pair, isServer: true })
          secure
            .on('error', () => {})
            .once('data', () => {
              encrypted += 1
              secure.destroy()
            })
        })
    })
    try {
      const settings = { ...settingsFor(port), bindDn: service.dn }
      const directory = openLdapDirectory({ settings, bindPassword: 'secret-password' })
      await expect(directory.find('alice')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      expect({ connections, encrypted }).toEqual({ connections: 1, encrypted: 1 })
      expect(Buffer.concat(received).toString('latin1')).not.toContain('secret-password')
    } finally {
      server.close()
    }
  })
})

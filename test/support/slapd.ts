import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'ldapts'
import { makeCertificates } from './certificates.ts'
import { findFreePort } from './free-port.ts'
import { type Found, needs } from './require.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

export const suffix = 'dc=example,dc=org'
export const people = `ou=people,${suffix}`
export const groupsBase = `ou=groups,${suffix}`
export const service = { dn: `cn=service,${suffix}`, password: 'service-password' } as const
const root = { dn: `cn=admin,${suffix}`, password: 'root-password' } as const

/** An OpenLDAP server of our own on loopback, gone with this process. */
export interface Slapd extends AsyncDisposable {
  readonly port: number
  readonly ldapsPort: number
  /** PEM of the authority that signed its certificate, for 127.0.0.1 and localhost. */
  readonly caCertificate: string
  /** Changes the tree as its administrator. */
  administer(work: (client: Client) => Promise<void>): Promise<void>
  /** What it was asked so far, one line an operation (`BIND dn="…"`, `SRCH base="…"`). */
  operations(): readonly string[]
  /** Ends it; `start` brings it back, with the same tree and ports. */
  stop(): Promise<void>
  start(): Promise<void>
  /** It keeps its connections and answers nothing; resolves once all its threads stand. */
  freeze(): Promise<void>
  thaw(): void
}

export function findSlapd(): Found {
  return needs({ program: 'slapd', package: 'slapd', folders: ['/usr/sbin'] })
}

export interface Person {
  readonly uid: string
  readonly password: string
  readonly displayName?: string
  /** More lines of LDIF. */
  readonly more?: readonly string[]
}

/** Settings of a directory that asks it, in plain text; the secret is the service's password. */
export function ldapSettings({ port }: Slapd) {
  const where = { host: '127.0.0.1', port, security: 'none' } as const
  return { ...where, bindDn: service.dn, userSearchBase: people }
}

/** LDIF of a person below `people`. */
export function person({ uid, password, displayName = uid, more = [] }: Person): string {
  return entry(`uid=${escapeDn(uid)},${people}`, [
    'objectClass: inetOrgPerson',
    'objectClass: testAccount',
    `uid: ${uid}`,
    `cn: ${uid}`,
    `sn: ${uid}`,
    `displayName:: ${Buffer.from(displayName).toString('base64')}`,
    `mail: ${uid.replace(/[^a-z]/g, '')}@example.org`,
    `userPassword: ${saltedHash(password)}`,
    ...more,
  ])
}

/** LDIF of a group below `groupsBase`; members are users, or whole distinguished names. */
export function group(cn: string, members: readonly string[]): string {
  return entry(`cn=${cn},${groupsBase}`, [
    'objectClass: groupOfNames',
    `cn: ${cn}`,
    ...members.map((name) => `member: ${name.includes('=') ? name : `uid=${name},${people}`}`),
  ])
}

export function entry(dn: string, lines: readonly string[]): string {
  return `dn: ${dn}\n${lines.join('\n')}\n`
}

export function saltedHash(password: string): string {
  const salt = randomBytes(8)
  const hash = createHash('sha1').update(password).update(salt).digest()
  return `{SSHA}${Buffer.concat([hash, salt]).toString('base64')}`
}

export async function startSlapd(found: Found, entries: readonly string[]): Promise<Slapd> {
  const folder = makeTemporaryFolder('slapd')
  const certificates = await makeCertificates(folder.path)
  const inside = (name: string) => path.join(folder.path, name)
  mkdirSync(inside('tree'))
  writeFileSync(inside('slapd.conf'), configuration(folder.path, certificates))
  writeFileSync(inside('tree.ldif'), [...basis(), ...entries].join('\n'))
  const slapadd = path.join(path.dirname(found.file), 'slapadd')
  await promisify(execFile)(slapadd, ['-f', inside('slapd.conf'), '-l', inside('tree.ldif')])
  const port = await findFreePort()
  const ldapsPort = await findFreePort()
  const urls = `ldap://127.0.0.1:${port} ldaps://127.0.0.1:${ldapsPort}`
  let server: ChildProcess | undefined

  const start = async () => {
    // A file and no pipe, which would fill up.
    const log = openSync(inside('log'), 'a')
    const args = ['-f', inside('slapd.conf'), '-h', urls, '-d', '256']
    server = spawn('setpriv', ['--pdeathsig', 'KILL', found.file, ...args], {
      stdio: ['ignore', log, log],
    })
    while (!(await answers(port))) {
      if (server.exitCode !== null) {
        throw new Error(`slapd did not start: ${readFileSync(inside('log'), 'utf8')}`)
      }
      await wait(10)
    }
  }
  const stop = async () => {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill('SIGCONT')
    server.kill('SIGTERM')
    await exited
  }
  await start()
  return {
    port,
    ldapsPort,
    caCertificate: readFileSync(certificates.caFile, 'utf8'),
    async administer(work) {
      const client = new Client({ url: `ldap://127.0.0.1:${port}` })
      await client.bind(root.dn, root.password)
      await work(client)
      await client.unbind()
    },
    operations: () =>
      readFileSync(inside('log'), 'utf8')
        .split('\n')
        .flatMap((line) => / op=\d+ ((?:BIND|SRCH|EXT) .*)$/.exec(line)?.[1] ?? []),
    stop,
    start,
    async freeze() {
      server?.kill('SIGSTOP')
      await haveStopped(server?.pid ?? 0)
    },
    thaw: () => server?.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await stop()
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** A signal is taken by each thread when it runs next: until then it may still answer. */
async function haveStopped(pid: number): Promise<void> {
  const threads = `/proc/${pid}/task`
  const stands = (thread: string) =>
    / [tT] /.test(readFileSync(path.join(threads, thread, 'stat'), 'latin1').replace(/.*\)/, ''))
  while (!readdirSync(threads).every(stands)) await wait(5)
}

function basis(): readonly string[] {
  return [
    entry(suffix, [
      'objectClass: dcObject',
      'objectClass: organization',
      'o: Example',
      'dc: example',
    ]),
    entry(people, ['objectClass: organizationalUnit', 'ou: people']),
    entry(groupsBase, ['objectClass: organizationalUnit', 'ou: groups']),
    entry(service.dn, [
      'objectClass: organizationalRole',
      'objectClass: simpleSecurityObject',
      'cn: service',
      `userPassword: ${saltedHash(service.password)}`,
    ]),
  ]
}

function configuration(
  folder: string,
  { certFile, keyFile }: { readonly certFile: string; readonly keyFile: string },
): string {
  return `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl'
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.999 NAME 'testAccount' SUP top AUXILIARY MAY userAccountControl )
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile ${folder}/pid
argsfile ${folder}/args
TLSCertificateFile ${certFile}
TLSCertificateKeyFile ${keyFile}
allow bind_anon_dn
database mdb
suffix "${suffix}"
rootdn "${root.dn}"
rootpw ${root.password}
directory ${folder}/tree
maxsize 10485760
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
`
}

/** RFC 4514, 2.4, as far as tests need it. */
function escapeDn(value: string): string {
  return value.replace(/[,+"\\<>;=#]/g, (character) => `\\${character}`)
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    }).on('error', () => resolve(false))
  })
}

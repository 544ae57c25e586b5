import type { Random } from '../support/random.ts'
import { makeScope } from './targets.ts'
import { mutate, oddText } from './texts.ts'
import type { Caller, World } from './world.ts'

/** Mostly good credentials of somebody; the others are nobody's, whatever they claim. */
export function pickCaller(random: Random, world: World): Caller {
  if (random.chance(0.85)) return random.pick(world.callers)
  const authorization = headerSafe(random.pick(frauds)(random, world))
  return { name: 'fraud', authorization, seesSecrets: false }
}

type Fraud = (random: Random, world: World) => string

const frauds: readonly Fraud[] = [
  (random) =>
    `${random.pick(['Basic', 'Bearer', 'Digest', 'Negotiate', 'basic', ''])} ${oddText(random)}`,
  (random) => `Basic ${base64(random.bytes(random.pick([1, 7, 64, 9000])))}`,
  (random, world) => mutate(random, `Basic ${base64(world.viewerBasic)}`),
  (_, world) => `Basic ${base64(`${world.viewerBasic}\0`)}`,
  (random, world) => `Bearer ${mutate(random, tokenOf(world.viewerToken))}`,
  (random, world) => `Bearer ${withClaims(random, tokenOf(world.viewerToken))}`,
  (random, world) => `Bearer ${withClaims(random, tokenOf(world.adminToken))}`,
  (random, world) => `Bearer ${unsigned(random, tokenOf(world.adminToken))}`,
  (random) => `Bearer ${'a'.repeat(random.pick([10, 5000, 25_000]))}`,
  (random) =>
    `Bearer ${base64(random.bytes(40))}.${base64(random.bytes(40))}.${base64(random.bytes(40))}`,
  // Each wrong password costs a derivation: rarely.
  (random) =>
    random.chance(0.03)
      ? `Basic ${base64(`Admin:${oddText(random)}`)}`
      : `Basic ${base64('Admin')}`,
]

/** Other claims under the signature of the true ones. */
function withClaims(random: Random, token: string): string {
  const [header = '', claims = '', signature = ''] = token.split('.')
  const changed = { ...decode(claims), ...randomClaims(random) }
  return `${header}.${encode(changed)}.${signature}`
}

/** RFC 8725: a token that says of itself how it is to be believed. */
function unsigned(random: Random, token: string): string {
  const [header = '', claims = '', signature = ''] = token.split('.')
  const alg = random.pick(['none', 'None', 'NONE', 'HS256', 'HS512', 'RS256', 'ES256', '', null, 7])
  const extra = random.pick([
    {},
    { jwk: { kty: 'oct', k: '' } },
    { kid: '../../dev/null' },
    { crit: ['exp'] },
    { b64: false },
  ])
  const changed = { ...decode(header), alg, ...extra, changed: true }
  const body = random.chance(0.5) ? encode({ ...decode(claims), ...randomClaims(random) }) : claims
  return `${encode(changed)}.${body}.${random.chance(0.5) ? '' : signature}`
}

function randomClaims(random: Random): Record<string, unknown> {
  return random.pick<Record<string, unknown>>([
    { sub: 'Admin', forged: 1 },
    { sub: { $ne: null } },
    { exp: 1e15, forged: 1 },
    { exp: 'never' },
    { nbf: -1, forged: 1 },
    { aud: [] },
    { access: [{ type: 'repository', name: 'secret/app', actions: ['*'] }], forged: 1 },
    { access: '*' },
    { access: { length: 1e9 } },
    { iss: null },
    { deep: nested(2000) },
  ])
}

/** The body of `POST /v2/_auth`. */
export function makeForm(random: Random, world: World): string {
  const [user = '', password = ''] = world.viewerBasic.split(':')
  const fields: Readonly<Record<string, () => string>> = {
    grant_type: () => random.pick(['password', 'refresh_token', oddText(random)]),
    username: () => random.pick([user, oddText(random)]),
    password: () => random.pick([password, mutate(random, password)]),
    refresh_token: () => random.pick([tokenOf(world.viewerToken), oddText(random)]),
    scope: () =>
      Array.from({ length: random.pick([1, 2, 200]) }, () => makeScope(random, world)).join(' '),
    service: () => random.pick([world.host, oddText(random)]),
    client_id: () => oddText(random).repeat(random.pick([1, 1000])),
    access_type: () => random.pick(['offline', oddText(random)]),
  }
  const names = Object.keys(fields).filter(() => random.chance(0.7))
  return names
    .map((name) => {
      const value = fields[name]?.() ?? ''
      return `${name}=${random.chance(0.8) ? encodeURIComponent(value) : value}`
    })
    .join(random.pick(['&', '&', '&&', ';']))
}

function tokenOf(authorization: string): string {
  return authorization.replace(/^Bearer /, '')
}

function decode(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function base64(content: string | Buffer): string {
  return Buffer.from(content).toString('base64')
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

/** What Node's parser takes in a header's value. */
function headerSafe(value: string): string {
  return [...value].filter((character) => /[\t\x20-\x7e\x80-\xff]/.test(character)).join('')
}

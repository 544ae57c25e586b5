import { pageHeaders } from '../support/api-call.ts'
import { logIn } from '../support/people.ts'
import { fetchToken } from '../support/rows.ts'
import { basic } from '../support/wire.ts'
import type { Accounts, Secret } from './accounts.ts'
import { autoTargets, mountTargets } from './mounts.ts'
import { type ApiWay, numberOf, type Principal, principals, type WireWay } from './principals.ts'
import { nameOf, repositories } from './world.ts'

export type Headers = Readonly<Record<string, string>>

/** What principals send, once each way of showing who they are was made ready. */
export interface Credentials {
  wire(principal: Principal, way: WireWay): Headers
  api(principal: Principal, way: ApiWay): Headers
}

/** Fetches tokens and begins sessions: for those too who are about to lose what they have. */
export async function openCredentials(
  url: string,
  { secrets, olgasCookie }: Accounts,
): Promise<Credentials> {
  const cookies = new Map<string, string>([['olga in her browser', olgasCookie]])
  const tokens = new Map<string, string>()
  const prepare = async (principal: Principal) => {
    const { name } = principal
    const secret = secrets.get(name)
    const tokenWays = secret === undefined && !isAnonymous(principal) ? [] : principal.wire
    for (const way of tokenWays.filter((each) => each.startsWith('Bearer'))) {
      const scopes = way === 'Bearer' ? scopesOf(principal) : []
      tokens.set(`${name} ${way}`, await fetchToken(url, secret && inBasic(secret), scopes))
    }
    if (principal.api.includes('session') && secret?.kind === 'password') {
      cookies.set(name, await logIn({ url }, { name: secret.userName, password: secret.password }))
    }
  }
  await Promise.all(principals.map(prepare))
  const admins = tokens.get('Admin Bearer') ?? ''
  tokens.set('a token that was tampered with Bearer', tamperedWith(admins))
  tokens.set('a good token of /v2, for the management API Bearer', admins)
  const get = (map: ReadonlyMap<string, string>, key: string) => {
    const value = map.get(key)
    if (!value) throw new Error(`There is nothing to show for ${key}.`)
    return value
  }
  const secretOf = ({ name }: Principal) => {
    const secret = secrets.get(name)
    if (secret === undefined) throw new Error(`There is no secret of ${name}.`)
    return secret
  }
  const bearer = ({ name }: Principal, way: string) => ({
    authorization: `Bearer ${get(tokens, `${name} ${way}`)}`,
  })
  return {
    wire(principal, way) {
      if (way === 'nothing') return {}
      return way === 'Basic'
        ? { authorization: inBasic(secretOf(principal)) }
        : bearer(principal, way)
    },
    api(principal, way) {
      switch (way) {
        case 'nothing':
          return {}
        case 'Basic':
          return { authorization: inBasic(secretOf(principal)) }
        case 'X-ApiKey':
          return { 'x-apikey': asKey(secretOf(principal)) }
        case 'session':
          return pageHeaders(url, get(cookies, principal.name))
        case 'Bearer':
          return bearer(principal, way)
      }
    },
  }
}

/** Every repository and every place to mount to, in one token. */
export function scopesOf(principal: Principal): readonly string[] {
  const names = [
    ...repositories.map(nameOf),
    ...[...mountTargets, ...autoTargets].map((target) =>
      nameOf(target(numberOf(principal, 'Bearer'))),
    ),
  ]
  return [...names.map((name) => `repository:${name}:pull,push,delete`), 'registry:catalog:*']
}

function isAnonymous({ caller }: Principal): boolean {
  return caller.kind === 'anonymous'
}

function inBasic(secret: Secret): string {
  return secret.kind === 'key' ? basic('api', secret.key) : basic(secret.userName, secret.password)
}

/** docs/api.md: "`user:password` wherever a key is taken". */
function asKey(secret: Secret): string {
  return secret.kind === 'key' ? secret.key : `${secret.userName}:${secret.password}`
}

/** With the first letter of its signature changed: the last one has spare bits. */
function tamperedWith(token: string): string {
  const [head = '', body = '', signature = ''] = token.split('.')
  const first = signature.startsWith('A') ? 'B' : 'A'
  return [head, body, first + signature.slice(1)].join('.')
}

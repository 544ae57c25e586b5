import type { FeedUse } from '../../registry/quotas.ts'
import type { HealthCheck } from '../health.ts'
import { reasonOfFailure } from '../health.ts'
import {
  type Check,
  checkCertificate,
  checkChallenge,
  checkClock,
  checkRealm,
  checkTransport,
  failure,
  ok,
  realmOf,
  warning,
} from './checks.ts'
import { type Answer, askAsClient } from './client-view.ts'
import { checkQuotas } from './quotas.ts'

export interface SelfTestDeps {
  readonly checks: readonly HealthCheck[]
  /** Where this process listens, as a client on this machine reaches it. */
  readonly ownUrl: () => string
  /** The public address that is configured; null: whatever a client calls it. */
  readonly configuredBaseUrl: () => string | null
  readonly baseUrlWarning: () => string | null
  /** Milliseconds since 1970 by the database. */
  readonly databaseNow: () => Promise<number>
  /** Registries that have a quota. */
  readonly quotaUses: () => Promise<readonly FeedUse[]>
  readonly now: () => number
}

export interface ClientView extends Answer {
  readonly from: 'own' | 'base'
  readonly realm: string | null
}

export interface SelfTestResult {
  readonly status: Check['status']
  readonly at: number
  readonly baseUrl: string
  readonly views: readonly ClientView[]
  readonly checks: readonly Check[]
}

/**
 * What a client without credentials would see, asked over the network of this process's own port
 * and of the address that clients are told, and whether the server's own parts work.
 * `calledBaseUrl` is the address by which this request came.
 */
export async function runSelfTest(
  deps: SelfTestDeps,
  calledBaseUrl: string,
): Promise<SelfTestResult> {
  const configured = deps.configuredBaseUrl()
  const baseUrl = configured ?? calledBaseUrl
  const [own, base, parts] = await Promise.all([
    askAsClient(`${deps.ownUrl()}/v2/`),
    askAsClient(`${baseUrl}/v2/`),
    checkParts(deps),
  ])
  const now = deps.now()
  const checks = [
    checkConfigured(configured, calledBaseUrl),
    ...checkOwn(own, deps.ownUrl(), configured),
    checkChallenge('public address', base, baseUrl),
    ...(await checkRealms(base)),
    checkTransport(baseUrl),
    ...[base.certificate].flatMap((each) =>
      each === null ? [] : checkCertificate(each, baseUrl, now),
    ),
    ...checkWarning(deps.baseUrlWarning()),
    ...checkClock('clock of the public address', base.date?.getTime() ?? null, now),
    ...parts,
  ]
  const views = [
    { ...own, from: 'own' as const, realm: realmOf(own.challenge) },
    { ...base, from: 'base' as const, realm: realmOf(base.challenge) },
  ]
  return { status: worstOf(checks), at: now, baseUrl, views, checks }
}

function checkConfigured(configured: string | null, called: string): Check {
  const name = 'base URL'
  if (configured !== null) return ok(name, `It is ${configured}.`)
  return warning(
    name,
    `None is set: clients are sent back to whatever address they called, now ${called}.`,
    'Set ENTREPOT_BASE_URL (or the setting Web.BaseUrl) to the address that clients use, before a proxy comes in between.',
  )
}

/** Behind a configured address the own port sends clients there, too. */
function checkOwn(own: Answer, ownUrl: string, configured: string | null): Check[] {
  return [checkChallenge('own port', own, configured ?? ownUrl)]
}

async function checkRealms(base: Answer): Promise<Check[]> {
  const realm = realmOf(base.challenge)
  const service = /\bservice="([^"]*)"/.exec(base.challenge ?? '')?.[1]
  if (realm === null || !URL.canParse(realm)) return []
  const query = service === undefined ? '' : `?service=${encodeURIComponent(service)}`
  return [checkRealm(await askAsClient(`${realm}${query}`))]
}

function checkWarning(text: string | null): Check[] {
  if (text === null) return []
  return [warning('addresses that clients use', text, 'See docs/behind-a-proxy.md.')]
}

async function checkParts({ checks, databaseNow, quotaUses, now }: SelfTestDeps): Promise<Check[]> {
  const parts = await Promise.all(
    checks.map(async ({ name, check }) => {
      const reason = await reasonOfFailure(check)
      return reason === null
        ? ok(name, 'It works.')
        : failure(name, reason, 'The log of the server says more.')
    }),
  )
  const time = await databaseNow().catch(() => null)
  // While the database does not answer, the part above says so.
  const uses = await quotaUses().catch(() => [])
  return [...parts, ...checkQuotas(uses), ...checkClock('clock of the database', time, now())]
}

function worstOf(checks: readonly Check[]): Check['status'] {
  if (checks.some(({ status }) => status === 'error')) return 'error'
  return checks.some(({ status }) => status === 'warning') ? 'warning' : 'ok'
}

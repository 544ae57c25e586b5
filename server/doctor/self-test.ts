import type { FeedUse } from '../registry/quotas.ts'
import {
  checkCertificate,
  checkChallenge,
  checkClock,
  checkRealm,
  checkTransport,
  realmOf,
} from './client-checks.ts'
import { type Answer, askAsClient } from './client-view.ts'
import { type Finding, failure, ok, warning, worstOf } from './finding.ts'
import { findFailure, type PartCheck } from './part-check.ts'
import { checkQuotas } from './quotas.ts'

export interface SelfTestDeps {
  readonly checks: readonly PartCheck[]
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
  readonly status: 'ok' | 'warning' | 'error'
  readonly at: number
  readonly baseUrl: string
  readonly views: readonly ClientView[]
  readonly checks: readonly Finding[]
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
  const look = { ownUrl: deps.ownUrl(), configured, baseUrl, now: deps.now, ca: null }
  const [seen, parts] = await Promise.all([lookAtAddress(look), checkParts(deps)])
  const { views, base, findings } = seen
  const now = deps.now()
  const checks = [
    checkConfigured(configured, calledBaseUrl),
    ...findings,
    ...checkWarning(deps.baseUrlWarning()),
    ...checkClock('clock of the public address', base.date?.getTime() ?? null, now),
    ...parts,
  ]
  return { status: worstOf(checks), at: now, baseUrl, views, checks }
}

export interface AddressLook {
  readonly ownUrl: string
  /** Where the server sends clients, whatever they called; null: back to that. */
  readonly configured: string | null
  /** The one to look at. */
  readonly baseUrl: string
  readonly now: () => number
  /** Further authorities that are trusted (PEM). */
  readonly ca: string | null
}

/** The own port and the public address, as a client sees them that has no credentials. */
export async function lookAtAddress({
  ownUrl,
  configured,
  baseUrl,
  now,
  ca,
}: AddressLook): Promise<{
  readonly views: readonly ClientView[]
  readonly base: Answer
  readonly findings: readonly Finding[]
}> {
  const [own, base] = await Promise.all([
    askAsClient(`${ownUrl}/v2/`),
    askAsClient(`${baseUrl}/v2/`, ca),
  ])
  const findings = [
    // Behind a configured address the own port sends clients there, too.
    checkChallenge('own port', own, configured ?? ownUrl),
    checkChallenge('public address', base, baseUrl),
    ...(await checkRealms(base, baseUrl, ca)),
    checkTransport(baseUrl),
    ...[base.certificate].flatMap((each) =>
      each === null ? [] : checkCertificate(each, baseUrl, now()),
    ),
  ]
  const views = [
    { ...own, from: 'own' as const, realm: realmOf(own.challenge) },
    { ...base, from: 'base' as const, realm: realmOf(base.challenge) },
  ]
  return { views, base, findings }
}

function checkConfigured(configured: string | null, called: string): Finding {
  const name = 'base URL'
  if (configured !== null) return ok(name, `It is ${configured}.`)
  return warning(
    name,
    `None is set: clients are sent back to whatever address they called, now ${called}.`,
    'Set ENTREPOT_BASE_URL (or the setting Web.BaseUrl) to the address that clients use, before a proxy comes in between.',
  )
}

/** Only where the address itself sends clients back to itself: others are not asked. */
async function checkRealms(base: Answer, baseUrl: string, ca: string | null): Promise<Finding[]> {
  const realm = realmOf(base.challenge)
  const service = /\bservice="([^"]*)"/.exec(base.challenge ?? '')?.[1]
  if (realm === null || !URL.canParse(realm)) return []
  if (new URL(realm).origin !== new URL(baseUrl).origin) return []
  const query = service === undefined ? '' : `?service=${encodeURIComponent(service)}`
  return [checkRealm(await askAsClient(`${realm}${query}`, ca))]
}

export function checkWarning(text: string | null): Finding[] {
  if (text === null) return []
  return [warning('addresses that clients use', text, 'See docs/behind-a-proxy.md.')]
}

async function checkParts({
  checks,
  databaseNow,
  quotaUses,
  now,
}: SelfTestDeps): Promise<Finding[]> {
  const parts = await Promise.all(
    checks.map(async ({ name, check }) => {
      const reason = (await findFailure(check))?.reason ?? null
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

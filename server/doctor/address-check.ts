import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { askAsClient } from './client-view.ts'
import { type Finding, failure, ok, reasonOf, skipped } from './finding.ts'
import type { Patient } from './patient.ts'
import { checkWarning, lookAtAddress } from './self-test.ts'

/** The own port, then the public address from the name server up to the realm. */
export async function checkAddress(patient: Patient): Promise<Finding[]> {
  const { ownUrl, baseUrl, now, ca } = patient
  const own = await lookAtOwn(patient)
  if (baseUrl === null) return [...own.findings, skipped('public address', noAddress)]
  const named = await checkName(baseUrl)
  if (!own.runs || ownUrl === null || named.some(({ status }) => status === 'error')) {
    return [...own.findings, ...named]
  }
  const look = { ownUrl, configured: patient.configuredBaseUrl, baseUrl, now, ca }
  const { findings } = await lookAtAddress(look)
  return [...own.findings, ...named, ...findings, ...checkWarning(own.baseUrlWarning)]
}

export const noAddress =
  'No base URL is configured, so there is no public address to look at: set ENTREPOT_BASE_URL or the setting Web.BaseUrl, or name one to try (entrepot doctor --url https://…).'

/** Whether a server answers on the port of this configuration. */
export async function lookAtOwn({ ownUrl }: Pick<Patient, 'ownUrl'>): Promise<{
  readonly runs: boolean
  readonly baseUrlWarning: string | null
  readonly findings: Finding[]
}> {
  const nothing = { runs: false, baseUrlWarning: null }
  if (ownUrl === null) {
    const why =
      'The server listens on a port of its own choosing (port 0), which nobody knows here.'
    return { ...nothing, findings: [skipped('server', why, 'Set "listen".')] }
  }
  const answer = await askAsClient(`${ownUrl}/health/json`)
  const health = readHealth(answer.body)
  if (answer.status === null) {
    const why = `No server answers at ${ownUrl}: ${answer.problem ?? 'no reason is known'}. What needs one was not looked at.`
    const remedy =
      'Start it and look again; if it runs, give this command the same settings (listen, tls-cert, …).'
    return { ...nothing, findings: [skipped('server', why, remedy)] }
  }
  if (health === null) {
    const seen = `What answers at ${ownUrl} is not Entrepot (status ${answer.status}).`
    const remedy = 'Another program has the port: set "listen" as the server has it.'
    return { ...nothing, findings: [failure('server', seen, remedy)] }
  }
  const { serviceStatusDetail: detail, baseUrlWarning } = health
  const finding =
    detail === null
      ? ok('server', `It answers at ${ownUrl}, and is healthy.`)
      : failure('server', `It answers at ${ownUrl} and says: ${detail}`, 'Its log says more.')
  return { runs: true, baseUrlWarning, findings: [finding] }
}

interface Health {
  readonly serviceStatusDetail: string | null
  readonly baseUrlWarning: string | null
}

function readHealth(body: string): Health | null {
  try {
    const value = JSON.parse(body) as Partial<Health> & { readonly applicationName?: unknown }
    if (value.applicationName !== 'Entrepot') return null
    const { serviceStatusDetail = null, baseUrlWarning = null } = value
    return { serviceStatusDetail, baseUrlWarning }
  } catch {
    return null
  }
}

async function checkName(baseUrl: string): Promise<Finding[]> {
  const name = 'name server'
  const host = new URL(baseUrl).hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0) return []
  try {
    const found = await lookup(host, { all: true })
    return [ok(name, `${host} is ${found.map(({ address }) => address).join(', ')}.`)]
  } catch (error) {
    return [
      failure(
        name,
        `The name server knows no address of ${host}, the host of the base URL ${baseUrl}: ${reasonOf(error)}`,
        'If the name is wrong, set ENTREPOT_BASE_URL (or the setting Web.BaseUrl) to the address that clients use. If it is right, make an entry for it, or let this machine ask the name server that clients ask.',
      ),
    ]
  }
}

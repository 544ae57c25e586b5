import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { type Finding, failure, ok, reasonOf, warning } from './finding.ts'
import type { Patient, PatientConfig } from './patient.ts'

/** That they can be read at all was seen before: else nothing would run. */
export async function checkSettings(patient: Patient): Promise<Finding[]> {
  const { config } = patient
  const findings = [
    ...checkBaseUrl(patient),
    ...(await checkTlsFiles(config)),
    ...(await checkSecretKey(config)),
    ...(await checkFirstPassword(config)),
    ...checkTrust(config),
    ...checkMetrics(config),
  ]
  const isFine = findings.every(({ status }) => status === 'ok')
  return isFine ? [ok('settings', 'They fit together.'), ...findings] : findings
}

function checkBaseUrl({ baseUrl }: Patient): Finding[] {
  if (baseUrl !== null) return [ok('base URL', `It is ${baseUrl}.`)]
  return [
    warning(
      'base URL',
      'None is set: clients are sent back to whatever address they called, and what goes through the public address cannot be tried.',
      'Set ENTREPOT_BASE_URL (or the setting Web.BaseUrl) to the address that clients use; entrepot doctor --url tries one.',
    ),
  ]
}

async function checkTlsFiles({ tls }: PatientConfig): Promise<Finding[]> {
  if (tls === null) return []
  const name = 'certificate files'
  const { certFile, keyFile } = tls
  try {
    const certificate = new X509Certificate(await readFile(certFile))
    const key = createPrivateKey(await readFile(keyFile))
    if (certificate.checkPrivateKey(key)) return [ok(name, `${certFile} and its key fit.`)]
    return [
      failure(
        name,
        `${keyFile} is not the key of the first certificate in ${certFile}.`,
        'Give the key that belongs to it, or put the own certificate first in the chain.',
      ),
    ]
  } catch (error) {
    return [
      failure(
        name,
        `${certFile} and ${keyFile} cannot be used: ${reasonOf(error)}`,
        'tls-cert and tls-key name PEM files that the user of the server can read.',
      ),
    ]
  }
}

async function checkSecretKey({ secretKey, dataDir }: PatientConfig): Promise<Finding[]> {
  const name = 'secret key'
  if (secretKey !== null) return [ok(name, 'It is configured.')]
  const file = path.join(dataDir, 'secret.key')
  const found = await stat(file).catch(() => undefined)
  if (found === undefined) {
    return [
      failure(
        name,
        `There is no ${file}, and none is configured: credentials that are stored cannot be read, and every client logs in again.`,
        'Put secret.key back from a backup, or set ENTREPOT_SECRET_KEY as before. Only where no server ever ran is it right that there is none.',
      ),
    ]
  }
  if ((found.mode & 0o077) === 0) return [ok(name, `${file} is for its owner alone.`)]
  return [
    (found.mode & 0o007) === 0 ? warningOfMode(name, file) : failureOfMode(name, file, found.mode),
  ]
}

function warningOfMode(name: string, file: string): Finding {
  return warning(name, `The group of ${file} can read it.`, `chmod 600 ${file}`)
}

function failureOfMode(name: string, file: string, mode: number): Finding {
  return failure(
    name,
    `Everybody on this machine can read ${file} (mode ${(mode & 0o777).toString(8)}): the server does not start with it.`,
    `chmod 600 ${file}, and consider the secret known.`,
  )
}

async function checkFirstPassword({ dataDir }: PatientConfig): Promise<Finding[]> {
  const file = path.join(dataDir, 'initial-admin-password')
  if ((await stat(file).catch(() => undefined)) === undefined) return []
  return [
    warning(
      'first password',
      `${file} is still there: the password of the user Admin was never changed.`,
      'Change it: entrepot user reset-password Admin, or in the pages. The file goes then.',
    ),
  ]
}

const everyAddress = new Set(['0.0.0.0/0', '::/0'])

function checkTrust({ trustProxy }: PatientConfig): Finding[] {
  const wide = trustProxy.find((network) => everyAddress.has(network))
  if (wide === undefined) return []
  return [
    warning(
      'trusted proxies',
      `trust-proxy has ${wide}: whoever connects may claim any address and any base URL.`,
      'Name the addresses of the proxies alone (ENTREPOT_TRUST_PROXY=10.0.0.7, or loopback).',
    ),
  ]
}

function checkMetrics({ metrics, listen }: PatientConfig): Finding[] {
  const isLocal = /^(?:127\.|::1$|localhost$)/.test(listen.host)
  if (metrics !== 'anyone' || isLocal) return []
  return [
    warning(
      'metrics',
      'Anybody who reaches the server can read /metrics.',
      'Set ENTREPOT_METRICS=admin and give Prometheus a system key, unless the proxy keeps /metrics to itself.',
    ),
  ]
}

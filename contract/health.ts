import { z } from 'zod'
import { route } from './route.ts'
import { time } from './words.ts'

export const HealthCheckInfo = z.object({
  name: z.string(),
  status: z.enum(['ok', 'warning', 'error', 'skipped']).meta({
    description: '`skipped`: it could not be looked at.',
  }),
  detail: z.string().meta({ description: 'What was found.' }),
  remedy: z.string().nullable().meta({ description: 'What to do; null: nothing.' }),
})
export type HealthCheckInfo = z.infer<typeof HealthCheckInfo>

export const ClientView = z.object({
  from: z.enum(['own', 'base']).meta({
    description: "`own`: asked of the server's own port; `base`: of the address for clients.",
  }),
  url: z.string(),
  status: z.int().nullable().meta({ description: 'Of `GET /v2/`; null: no answer.' }),
  challenge: z.string().nullable().meta({ description: 'Its `WWW-Authenticate`.' }),
  realm: z.string().nullable(),
  problem: z.string().nullable().meta({ description: 'Why there was no answer.' }),
  certificate: z
    .object({
      subject: z.string(),
      issuer: z.string(),
      names: z.array(z.string()),
      validFrom: time,
      validTo: time,
      isTrusted: z.boolean().meta({ description: 'By this server; clients may know more.' }),
    })
    .nullable(),
})
export type ClientView = z.infer<typeof ClientView>

export const SelfTest = z.object({
  status: z.enum(['ok', 'warning', 'error']),
  at: time,
  baseUrl: z.string(),
  views: z.array(ClientView),
  checks: z.array(HealthCheckInfo),
})
export type SelfTest = z.infer<typeof SelfTest>

const partStatus = z.enum(['OK', 'Error'])

/** What `/health/json` says to anybody, with ProGet's names. It is no route of the API. */
export const ServerHealth = z.object({
  applicationName: z.string(),
  databaseStatus: partStatus,
  databaseStatusDetails: z.string().nullable(),
  storageStatus: partStatus,
  storageStatusDetail: z.string().nullable(),
  versionNumber: z.string(),
  releaseNumber: z.string(),
  serviceStatus: partStatus,
  serviceStatusDetail: z.string().nullable(),
  baseUrlWarning: z.string().nullable(),
  lastBackup: time.nullable(),
  backupWarning: z.string().nullable(),
})
export type ServerHealth = z.infer<typeof ServerHealth>

export const CheckInfo = z.object({
  name: z.string(),
  looksAt: z.string().meta({ description: 'In a few words.' }),
})
export type CheckInfo = z.infer<typeof CheckInfo>

export const CheckResult = z.object({
  check: z.string(),
  findings: z.array(HealthCheckInfo),
})
export type CheckResult = z.infer<typeof CheckResult>

export const health = {
  list: route('GET', '/api/health/checks', {
    summary: 'What can be checked',
    description: 'The same as `entrepot doctor` looks at (docs/doctor.md), in its order.',
    reply: z.array(CheckInfo),
  }),
  check: route('POST', '/api/health/check', {
    summary: 'Do one of the checks',
    description:
      'Takes up to a minute. `stores` writes to each store, `push` pushes and pulls through the public address; neither leaves anything.',
    query: z.strictObject({ name: z.string().meta({ description: 'One of the checks.' }) }),
    reply: CheckResult,
  }),
  selfTest: route('GET', '/api/health/self-test', {
    summary: 'What a client would see of this server, and what to do about it',
    description: 'Takes some seconds at most.',
    reply: SelfTest,
  }),
}

import { writeFile } from 'node:fs/promises'
import os from 'node:os'
import { trialsOf } from '../blobs/trial-store.ts'
import { ownUrlOf } from '../config/own-url.ts'
import { secretsOf, showSettings } from '../config/shown-settings.ts'
import { readVersion } from '../config/version.ts'
import type { Config } from '../config.ts'
import { type Db, previewUpgrade } from '../db/database.ts'
import { makeBundle } from '../doctor/bundle/bundle.ts'
import { type CheckName, checkNames, runCheck } from '../doctor/doctor.ts'
import { type Finding, failure, reasonOf, worstOf } from '../doctor/finding.ts'
import type { Patient, PatientData } from '../doctor/patient.ts'
import { isRefusal, RegistryError } from '../domain/errors.ts'
import { redactText } from '../log/redact.ts'
import { openSettings } from '../registry/settings.ts'
import { openForReading, openPlace, openSecretsForReading } from './place.ts'

export interface DoctorOrder {
  /** Null: all of them. */
  readonly only: readonly CheckName[] | null
  /** An address to try in place of the configured one. */
  readonly url: string | null
  readonly ca: string | null
  readonly bodyBytes: number
  readonly isDeep: boolean
  /** Where what was found goes, with what else somebody who helps needs to know; null: nowhere. */
  readonly bundle: string | null
  /** Told of each check as it begins, and of what it found. */
  readonly onBegin: (check: CheckName) => void
  readonly onFound: (check: CheckName, findings: readonly Finding[]) => void
}

export interface CheckResult {
  readonly check: CheckName
  readonly findings: readonly Finding[]
}

export interface DoctorResult {
  readonly status: 'ok' | 'warning' | 'error'
  readonly results: readonly CheckResult[]
}

/** Looks at the server of these settings, whether it runs or not. Changes and makes nothing. */
export async function examineNow(config: Config, order: DoctorOrder): Promise<DoctorResult> {
  if (order.bundle !== null) await beginBundle(order.bundle)
  await using opened = await openPatient(config, order)
  const results: CheckResult[] = []
  for (const check of order.only ?? checkNames) {
    order.onBegin(check)
    const findings = await runCheck(check, opened.patient)
    order.onFound(check, findings)
    results.push({ check, findings })
  }
  if (order.bundle !== null) await writeBundle(order.bundle, { config, results, ...opened })
  return { status: worstOf(results.flatMap(({ findings }) => findings)), results }
}

/** Before anything is looked at, which takes a while. */
async function beginBundle(file: string): Promise<void> {
  try {
    await writeFile(file, '', { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    const told = `The bundle cannot be written: ${reasonOf(cause)}. Name a file that is not there, in a folder that is.`
    throw new RegistryError('REQUEST_INVALID', told, { cause })
  }
}

/** Its own secrets are struck out; it is for its owner alone all the same. */
async function writeBundle(
  file: string,
  of: {
    readonly config: Config
    readonly results: readonly CheckResult[]
    readonly patient: Patient
  },
): Promise<void> {
  const { config, results, patient } = of
  const bundle = await makeBundle({
    ...{ patient, results, redact: redactText },
    settings: showSettings(config),
    versions: describeVersions(),
    secrets: secretsOf(config),
  })
  await writeFile(file, bundle)
}

function describeVersions() {
  const { node, openssl, uv, v8 } = process.versions
  return {
    entrepot: readVersion(),
    ...{ node, openssl, uv, v8 },
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    processors: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    freeMemoryBytes: os.freemem(),
    systemUptimeSeconds: Math.round(os.uptime()),
  }
}

export interface OpenPatient extends AsyncDisposable {
  readonly patient: Patient
}

export async function openPatient(
  config: Config,
  order: Pick<DoctorOrder, 'url' | 'ca' | 'bodyBytes' | 'isDeep'>,
): Promise<OpenPatient> {
  const opened = await openData(config)
  const isOpen = 'db' in opened
  const { url, ca, bodyBytes, isDeep } = order
  const setting = isOpen ? await readBaseUrl(opened.db) : null
  return {
    patient: {
      ...{ config, data: opened, ca, bodyBytes, isDeep, now: Date.now },
      ownUrl: ownUrlOf(config),
      baseUrl: url ?? config.baseUrl ?? setting,
      configuredBaseUrl: config.baseUrl ?? setting,
      serverUid: null,
    },
    async [Symbol.asyncDispose]() {
      if (!isOpen) return
      await opened.stores[Symbol.asyncDispose]()
      await opened.db[Symbol.asyncDispose]()
    },
  }
}

/** What is wrong with a database that cannot be read is told by its check. */
async function readBaseUrl(db: Db): Promise<string | null> {
  const settings = await openSettings(db).catch(() => null)
  return settings?.baseUrl() ?? null
}

function remedyOf(error: unknown, { databaseUrl }: Config): string {
  if (databaseUrl.startsWith('postgres:')) return ofPostgres
  const isAbsent = isRefusal(error, 'UNAVAILABLE') && /^There is no database/.test(error.message)
  return isAbsent ? whereItIs : ofSqlite
}

const ofPostgres =
  'See that PostgreSQL runs at the address of database-url, that this machine may reach it, and that it takes this user, password and database.'

const ofSqlite =
  'Mend what it says. If the file is damaged: stop the server, keep a copy of the database files, and restore the last backup (docs/backup.md).'

const whereItIs =
  'Say where the server keeps its data: --data-dir or ENTREPOT_DATA_DIR (--database-url or ENTREPOT_DATABASE_URL if its database is elsewhere).'

/** Or why not. A look upgrades no tables, and makes no secret key. */
async function openData(config: Config): Promise<PatientData | Finding> {
  const { diskReserveBytes } = config
  try {
    const pending = await listPending(config)
    if (pending.length > 0) return needsUpgrade(pending)
    const db = await openPlace(config)
    try {
      const secrets = await openSecretsForReading(config)
      const stores = await openForReading(config, db, secrets)
      return { db, stores, secrets, openTrial: trialsOf(diskReserveBytes) }
    } catch (error) {
      await db[Symbol.asyncDispose]()
      throw error
    }
  } catch (error) {
    return failure('database', reasonOf(error), remedyOf(error, config))
  }
}

async function listPending({ databaseUrl: url }: Config): Promise<readonly string[]> {
  const { pending } = await previewUpgrade({ url, version: readVersion(), triesIt: false })
  return pending
}

function needsUpgrade(pending: readonly string[]): Finding {
  return failure(
    'database',
    `It is of an older version: the migrations ${pending.join(', ')} would run at the next start.`,
    'Look with the version that serves it; or start this one, or run entrepot migrate (docs/upgrades.md).',
  )
}

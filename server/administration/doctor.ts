import { stat } from 'node:fs/promises'
import path from 'node:path'
import { openCloudTrial, openDiskTrial } from '../blobs/trial-store.ts'
import { ownUrlOf } from '../config/own-url.ts'
import { readVersion } from '../config/version.ts'
import type { Config } from '../config.ts'
import { previewUpgrade } from '../db/database.ts'
import { type CheckName, checkNames, runCheck } from '../doctor/doctor.ts'
import { type Finding, failure, reasonOf, worstOf } from '../doctor/finding.ts'
import type { Patient, PatientData } from '../doctor/patient.ts'
import { openSettings } from '../registry/settings.ts'
import { openForReading, openPlace, openSecrets } from './place.ts'

export interface DoctorOrder {
  /** Null: all of them. */
  readonly only: readonly CheckName[] | null
  /** An address to try in place of the configured one. */
  readonly url: string | null
  readonly ca: string | null
  readonly bodyBytes: number
  readonly isDeep: boolean
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
  await using opened = await openPatient(config, order)
  const results: CheckResult[] = []
  for (const check of order.only ?? checkNames) {
    order.onBegin(check)
    const findings = await runCheck(check, opened.patient)
    order.onFound(check, findings)
    results.push({ check, findings })
  }
  return { status: worstOf(results.flatMap(({ findings }) => findings)), results }
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
  const setting = isOpen ? (await openSettings(opened.db)).baseUrl() : null
  return {
    patient: {
      ...{ config, data: opened, ca, bodyBytes, isDeep, now: Date.now },
      ownUrl: ownUrlOf(config),
      baseUrl: url ?? config.baseUrl ?? setting,
      serverUid: null,
    },
    async [Symbol.asyncDispose]() {
      if (!isOpen) return
      await opened.stores[Symbol.asyncDispose]()
      await opened.db[Symbol.asyncDispose]()
    },
  }
}

/** Or why not. A look upgrades no tables, and makes no secret key. */
async function openData(config: Config): Promise<PatientData | Finding> {
  const { dataDir, diskReserveBytes, secretKey } = config
  try {
    const pending = await listPending(config)
    if (pending.length > 0) return needsUpgrade(pending)
    const db = await openPlace(config)
    try {
      const isKeyed = secretKey !== null || (await exists(path.join(dataDir, 'secret.key')))
      const secrets = isKeyed ? await openSecrets(config) : unreadable
      const stores = await openForReading(config, db, secrets)
      const openTrial = {
        disk: (folder: string) => openDiskTrial(folder, diskReserveBytes),
        cloud: openCloudTrial,
      }
      return { db, stores, secrets, openTrial }
    } catch (error) {
      await db[Symbol.asyncDispose]()
      throw error
    }
  } catch (error) {
    return failure(
      'database',
      reasonOf(error),
      'Mend what it says. If the file is damaged: stop the server, keep a copy of the database files, and restore the last backup (docs/backup.md).',
    )
  }
}

const unreadable: PatientData['secrets'] = {
  encrypt: () => {
    throw new Error('There is no secret key.')
  },
  decrypt: () => {
    throw new Error('There is no secret key to decrypt them with.')
  },
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

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined
}

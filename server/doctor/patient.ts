import type { Config } from '../config.ts'
import type { Db } from '../db/database.ts'
import type { StoreTrialDeps } from '../registry/store-trial.ts'
import type { Secrets, Stores } from '../registry/stores.ts'
import { type Finding, skipped } from './finding.ts'

/** Of the configuration, what the checks go by. */
export type PatientConfig = Pick<
  Config,
  | 'adminPassword'
  | 'backup'
  | 'baseUrl'
  | 'dataDir'
  | 'databaseUrl'
  | 'diskReserveBytes'
  | 'listen'
  | 'metrics'
  | 'secretKey'
  | 'storageRoots'
  | 'tls'
  | 'trustProxy'
>

/** What the usual limits of proxies refuse: nginx allows 1 MiB unless told otherwise. */
export const defaultBodyBytes = 2 * 1024 * 1024

/** What needs the database. */
export interface PatientData {
  readonly db: Db
  readonly stores: Stores
  readonly secrets: Secrets
  readonly openTrial: StoreTrialDeps['openTrial']
}

/** The server that is looked at, from inside itself or from the command line beside it. */
export interface Patient {
  readonly config: PatientConfig
  /** Or why there is none, as it is to be told. */
  readonly data: PatientData | Finding
  /** Where the server listens, as this machine reaches it; null: nobody knows. */
  readonly ownUrl: string | null
  /** The public address that is configured, or that was named to be tried; null: none is. */
  readonly baseUrl: string | null
  /** The one that is configured; null: none is. */
  readonly configuredBaseUrl: string | null
  /** Further authorities that are trusted (PEM); null: those of this process. */
  readonly ca: string | null
  /** How large the body is that is sent through the public address. */
  readonly bodyBytes: number
  /** Whether what takes long is done as well. */
  readonly isDeep: boolean
  /** Numeric id of the user whom the server runs as; null: nobody knows, or this system has none. */
  readonly serverUid: number | null
  readonly now: () => number
}

export interface PatientWithData extends Patient {
  readonly data: PatientData
}

/** Does what needs the database; without one, says that this could not be looked at. */
export async function withData(
  patient: Patient,
  name: string,
  run: (patient: PatientWithData) => Promise<Finding[]>,
): Promise<Finding[]> {
  const { data } = patient
  if ('db' in data) return run({ ...patient, data })
  return [skipped(name, 'It needs the database, which could not be opened.')]
}

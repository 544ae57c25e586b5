import { gzipSync } from 'node:zlib'
import {
  countedTables,
  countRows,
  describeTables,
  listAppliedMigrations,
} from '../../db/diagnosis.ts'
import { listLog } from '../../db/job-log.ts'
import { listRuns, type RunRecord } from '../../db/job-runs.ts'
import { listStores } from '../../db/stores.ts'
import { listFeeds } from '../../registry/feeds.ts'
import { listSettingInfos } from '../../registry/settings.ts'
import { type Finding, reasonOf } from '../finding.ts'
import type { Patient, PatientData } from '../patient.ts'
import { listKnownTexts, type Scrub, scrubberOf } from './scrub.ts'
import { makeTar } from './tar.ts'

export interface BundleParts {
  readonly patient: Patient
  readonly results: readonly { readonly check: string; readonly findings: readonly Finding[] }[]
  /** The configuration by the names of the settings, secrets struck out. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly versions: Readonly<Record<string, unknown>>
  /** Values of the configuration that nobody may see. */
  readonly secrets: readonly string[]
  /** Hides what looks like a secret in a text. */
  readonly redact: (text: string) => string
}

const runsKept = 100
const logsKept = 30
const linesKept = 200

/**
 * What somebody who helps needs to know (tar, gzip). What goes in is named one by one: what is not
 * named here stays out. Texts that others wrote are searched for every secret and every user's name.
 */
export async function makeBundle(parts: BundleParts): Promise<Buffer> {
  const { patient, results, settings, versions, redact } = parts
  const { data } = patient
  const known = 'db' in data ? await listKnownTexts(patient, data) : { secrets: [], people: [] }
  const secrets = [...known.secrets, ...parts.secrets]
  const scrub = scrubberOf({ secrets, people: known.people, redact })
  const files: Record<string, unknown> = {
    'report.json': results,
    'settings.json': settings,
    'versions.json': versions,
    ...('db' in data ? await describeData(data) : {}),
  }
  const named = Object.entries(files).map(([name, value]) => ({
    name: `entrepot-bundle/${name}`,
    content: Buffer.from(formatFile(value, scrub)),
  }))
  const readme = { name: 'entrepot-bundle/README.txt', content: Buffer.from(about) }
  return gzipSync(makeTar([readme, ...named], patient.now()))
}

function formatFile(value: unknown, scrub: Scrub): string {
  if (typeof value === 'string') return scrub(value)
  const scrubbed = JSON.stringify(
    value,
    (_name, field: unknown) => (typeof field === 'string' ? scrub(field) : field),
    2,
  )
  return `${scrubbed}\n`
}

/** What cannot be read says why: a damaged database is no reason to have nothing. */
async function describeData(data: PatientData): Promise<Record<string, unknown>> {
  const parts: Readonly<Record<string, () => Promise<unknown>>> = {
    'server-settings.json': () => describeServerSettings(data),
    'database.json': () => describeDatabase(data),
    'schema.txt': async () => (await describeTables(data.db.read, data.db.dialect)).join(';\n'),
    'stores.json': () => describeStores(data),
    'registries.json': () => describeRegistries(data),
    'jobs.json': () => describeJobs(data),
  }
  const described = Object.entries(parts).map(async ([name, describe]) => {
    const value = await describe().catch((error: unknown) => `not to be had: ${reasonOf(error)}`)
    return [name, value] as const
  })
  return Object.fromEntries(await Promise.all(described))
}

async function describeServerSettings({ db }: PatientData) {
  const settings = await listSettingInfos({ db })
  return settings.map(({ name, value, isDefault }) => ({ name, value, isDefault }))
}

async function describeDatabase({ db }: PatientData) {
  const rows: Record<string, number> = {}
  for (const table of countedTables) rows[table] = await countRows(db.read, table)
  return { kind: db.dialect, migrations: await listAppliedMigrations(db.read), rows }
}

/** Places alone: options may name keys. */
async function describeStores({ db }: PatientData) {
  return (await listStores(db.read)).map(({ id, type, settings, marker, secret, version }) => ({
    ...{ id, type, version, place: JSON.parse(settings) as unknown },
    ...{ wasUsed: marker !== null, hasSecret: secret !== null },
  }))
}

async function describeRegistries({ db }: PatientData) {
  return (await listFeeds(db)).map(({ description: _, mirrorOf, name, ...feed }) => ({
    ...feed,
    ...{ name, mirrorOf },
  }))
}

/** Who asked for them is nobody's business. */
async function describeJobs({ db }: PatientData) {
  const page = { kind: null, feedId: null, before: null, count: runsKept }
  const runs = await listRuns(db.read, page)
  const told = await Promise.all(
    runs.map(async ({ requestedBy: _, resume: __, ...run }, at) => ({
      ...run,
      ...timesOf(run),
      log: at < logsKept || run.state === 'failed' ? await logOf(db, run.id) : undefined,
    })),
  )
  return told
}

async function logOf(db: PatientData['db'], runId: number): Promise<string[]> {
  const lines = await listLog(db.read, { runId, after: 0, count: linesKept })
  return lines.map(({ at, level, message }) => `${isoOf(at)} ${level} ${message}`)
}

function timesOf({
  requestedAt,
  startedAt,
  endedAt,
}: Pick<RunRecord, 'requestedAt' | 'startedAt' | 'endedAt'>) {
  return { requestedAt: isoOf(requestedAt), startedAt: isoOf(startedAt), endedAt: isoOf(endedAt) }
}

function isoOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}

const about = `What entrepot doctor --bundle gathered, to be sent to somebody who helps.

report.json           what was looked at, what was seen, what to do
settings.json         the configuration, secrets struck out
server-settings.json  the settings that are kept in the database
versions.json         of Entrepot, Node, the system
database.json         migrations, and how many rows the tables have
schema.txt            how the tables were made
stores.json           where images are kept
registries.json       the registries and how they are set
jobs.json             the last runs of jobs, and the logs of some

There are no passwords, keys, tokens or credentials of stores in it, no users, addresses of
clients, images or layers. Names of folders, hosts, registries and (in logs of jobs) images are.
Look through it before you send it.
`

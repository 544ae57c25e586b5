import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type BackupConfig, readBackup } from './config/backup.ts'
import { type Setting, type SettingName, type SettingValue, settings } from './config/settings.ts'
import {
  type CommandVariable,
  type GivenSettings,
  type ReadFile,
  type Report,
  readCommandVariable,
  readConfigFile,
  readFlags,
  readVariables,
  type Variables,
} from './config/sources.ts'
import { readTraces, type TraceConfig } from './config/traces.ts'
import { RegistryError } from './domain/errors.ts'

/** Everything that can be set from outside, read once at the start. */
export interface Config {
  readonly listen: { readonly host: string; readonly port: number }
  /** Absolute. */
  readonly dataDir: string
  /** `sqlite:<absolute path>` or `postgres://…`. */
  readonly databaseUrl: string
  /** The public URL, no slash at the end; null: taken from the request or the setting Web.BaseUrl. */
  readonly baseUrl: string | null
  /** Addresses and networks (`10.0.0.0/8`, `loopback`) whose `X-Forwarded-*` count. */
  readonly trustProxy: readonly string[]
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null
  /** For the first start only. */
  readonly adminPassword: string | null
  /** Encrypts stored credentials and signs tokens; null: `<data>/secret.key`, made at the first start. */
  readonly secretKey: string | null
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Who may read `/metrics`: administrators and system keys, anyone, or nobody. */
  readonly metrics: 'admin' | 'anyone' | 'off'
  /** Pushes are refused (507) when the disk has less than this free: the database needs room. */
  readonly diskReserveBytes: number
  /** Folders below which stores may lie, besides the data folder; absolute. */
  readonly storageRoots: readonly string[]
  /** Of new registries, as the API takes a store; null: the folder `store` in the data folder. */
  readonly defaultStore: {
    readonly id: string
    readonly properties: Readonly<Record<string, unknown>>
  } | null
  readonly backup: BackupConfig
  readonly traces: TraceConfig
}

export interface ConfigSources {
  /** Values of the settings' flags by name, and `config`. */
  readonly flags?: Variables
  readonly env?: Variables
  readonly readFile?: ReadFile
  readonly cwd?: string
}

/**
 * Reads the configuration: flags over variables over the file over defaults.
 * Throws one REQUEST_INVALID that names every problem, a line each, with where it came from;
 * `detail.problems` has the lines.
 */
export function readConfig({
  flags = {},
  env = process.env,
  readFile = (file) => readFileSync(file, 'utf8'),
  cwd = process.cwd(),
}: ConfigSources = {}): Config {
  const problems: string[] = []
  const ignored: string[] = []
  const report = (problem: string) => void problems.push(problem)
  const place = { cwd, readFile, report }
  const given = new Map([
    ...readConfigFile(flags, env, place),
    ...readVariables(env, place),
    ...readFlags(flags, place),
  ])
  const read = <N extends SettingName>(name: N) =>
    readSetting(name, given, { cwd, report, ignore: (what) => void ignored.push(what) })
  const tls = readTls(read('tls-cert'), read('tls-key'), report)
  const dataDir = read('data-dir') ?? cwd
  const config = {
    listen: read('listen'),
    dataDir,
    databaseUrl: read('database-url') ?? `sqlite:${path.join(dataDir, 'entrepot.db')}`,
    baseUrl: read('base-url') ?? null,
    trustProxy: read('trust-proxy') ?? [],
    tls,
    adminPassword: read('admin-password') ?? null,
    secretKey: read('secret-key') ?? null,
    logLevel: read('log-level'),
    metrics: read('metrics'),
    diskReserveBytes: read('disk-reserve'),
    storageRoots: read('storage-roots') ?? [],
    defaultStore: read('default-store') ?? null,
    backup: readBackup(read, { env, report }),
    traces: readTraces(read, ignored),
  }
  if (isComplete(config) && problems.length === 0) return config
  throw new RegistryError(
    'REQUEST_INVALID',
    ['The configuration is invalid:', ...problems.map((problem) => `  ${problem}`)].join('\n'),
    { detail: { problems } },
  )
}

/** A password for one command. Null: it is not set. Throws REQUEST_INVALID when its file cannot be read. */
export function readCommandPassword(
  variable: CommandVariable,
  {
    env = process.env,
    readFile = (file) => readFileSync(file, 'utf8'),
    cwd = process.cwd(),
  }: Omit<ConfigSources, 'flags'> = {},
): string | null {
  const report = (problem: string) => {
    throw new RegistryError('REQUEST_INVALID', problem)
  }
  return readCommandVariable(variable, env, { cwd, readFile, report }) ?? null
}

function readSetting<N extends SettingName>(
  name: N,
  given: GivenSettings,
  { cwd, report, ignore }: Readonly<{ cwd: string; report: Report; ignore: Report }>,
): SettingValue<N> | undefined {
  const setting = settings[name] as unknown as Setting<SettingValue<N>>
  const value = given.get(name)
  const text = value?.text ?? setting.default
  if (text === null) return undefined
  try {
    return setting.parse(text, value?.folder ?? cwd)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    const shown = setting.secret === true ? 'the value' : `"${text}"`
    const origin = value?.origin ?? name
    // Of a variable that other programs read too, the default counts.
    const isOthers = setting.variable !== undefined && origin.startsWith(setting.variable)
    const tell = isOthers ? ignore : report
    tell(`${origin}: ${shown} ${error.message}`)
    return isOthers && setting.default !== null ? setting.parse(setting.default, cwd) : undefined
  }
}

function readTls(
  certFile: string | undefined,
  keyFile: string | undefined,
  report: (problem: string) => void,
): Config['tls'] {
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile }
  if (certFile !== undefined) report('tls-cert: is set without tls-key; TLS needs both')
  if (keyFile !== undefined) report('tls-key: is set without tls-cert; TLS needs both')
  return null
}

/** A value is missing only where its problem has been reported. */
function isComplete(
  config: { readonly [K in keyof Config]: Config[K] | undefined },
): config is Config {
  return Object.values(config).every((value) => value !== undefined)
}

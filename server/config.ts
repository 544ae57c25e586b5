import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type Setting, type SettingName, type SettingValue, settings } from './config/settings.ts'
import {
  type CommandVariable,
  type GivenSettings,
  type ReadFile,
  readCommandVariable,
  readConfigFile,
  readFlags,
  readVariables,
  type Variables,
} from './config/sources.ts'
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
  /** What the job Backup does, and how the bucket of any backup is spoken to. */
  readonly backup: {
    /** An absolute path, or `s3://bucket/prefix`; null: it is not scheduled. */
    readonly to: string | null
    readonly keep: number
    /** 0: as fast as it can. */
    readonly bytesPerSecond: number
    readonly s3: BackupS3
  }
}

/** How the bucket of backups is spoken to. */
export interface BackupS3 {
  /** Null: nobody says. */
  readonly region: string | null
  /** Null: Amazon's own. */
  readonly endpoint: string | null
  readonly pathStyle: boolean
  /** Null: what the environment offers (AWS_…, profile, role). */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null
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
  const report = (problem: string) => void problems.push(problem)
  const place = { cwd, readFile, report }
  const given = new Map([
    ...readConfigFile(flags, env, place),
    ...readVariables(env, place),
    ...readFlags(flags, place),
  ])
  const read = <N extends SettingName>(name: N) => readSetting(name, given, { cwd, report })
  const tls = readTls(read('tls-cert'), read('tls-key'), report)
  const credentials = readCredentials(
    read('backup-s3-access-key'),
    read('backup-s3-secret-access-key'),
    report,
  )
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
    backup: {
      to: read('backup-to') ?? null,
      keep: read('backup-keep') ?? 0,
      bytesPerSecond: read('backup-rate') ?? 0,
      s3: {
        region: read('backup-s3-region') ?? awsRegionOf(env),
        endpoint: read('backup-s3-endpoint') ?? null,
        pathStyle: read('backup-s3-path-style') ?? false,
        credentials,
      },
    },
  }
  reportUnknownRegion(config.backup, report)
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
  { cwd, report }: { cwd: string; report: (problem: string) => void },
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
    report(`${value?.origin ?? name}: ${shown} ${error.message}`)
    return undefined
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

/** Said at the start, not by the first backup at night. */
function reportUnknownRegion({ to, s3 }: Config['backup'], report: (problem: string) => void) {
  if (!to?.startsWith('s3:') || s3.region !== null || s3.endpoint !== null) return
  report('backup-s3-region: is not set, nor is AWS_REGION; the bucket of backup-to needs it')
}

/** As Amazon's own programs have it. */
function awsRegionOf({ AWS_REGION, AWS_DEFAULT_REGION }: Variables): string | null {
  return AWS_REGION || AWS_DEFAULT_REGION || null
}

function readCredentials(
  accessKeyId: string | undefined,
  secretAccessKey: string | undefined,
  report: (problem: string) => void,
): BackupS3['credentials'] {
  const [key, secret] = ['backup-s3-access-key', 'backup-s3-secret-access-key']
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return { accessKeyId, secretAccessKey }
  }
  if (accessKeyId !== undefined) report(`${key}: is set without ${secret}; it needs both`)
  if (secretAccessKey !== undefined) report(`${secret}: is set without ${key}; it needs both`)
  return null
}

/** A value is missing only where its problem has been reported. */
function isComplete(
  config: { readonly [K in keyof Config]: Config[K] | undefined },
): config is Config {
  return Object.values(config).every((value) => value !== undefined)
}

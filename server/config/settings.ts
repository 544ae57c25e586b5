import {
  type Parse,
  parseBackupTarget,
  parseBoolean,
  parseChoice,
  parseCount,
  parseDatabaseUrl,
  parseFilePath,
  parseFolders,
  parseListen,
  parsePublicUrl,
  parseSecret,
  parseServiceUrl,
  parseSize,
  parseStore,
  parseTrustedProxies,
  parseWord,
} from './parsers.ts'
import { traceSettings } from './traces.ts'

/**
 * One setting. Its name is the flag (`--data-dir`) and the key in the configuration file; the
 * variable follows from it (`ENTREPOT_DATA_DIR`, `ENTREPOT_DATA_DIR_FILE`) unless a standard names one.
 */
export interface Setting<T> {
  readonly parse: Parse<T>
  /** A standard's: what others may have meant with it is ignored where it means nothing here. */
  readonly variable?: string
  /** What is parsed when nothing is given; null: nothing is. */
  readonly default: string | null
  /** The default in words, where it depends on others or on the data folder. */
  readonly defaultText?: string
  readonly help: string
  /** What the value looks like in `--help`. */
  readonly sample: string
  /** Never shown, neither in a problem nor in a log. */
  readonly secret?: true
  /** May be a list in the configuration file. */
  readonly list?: true
}

function setting<T>(definition: Setting<T>): Setting<T> {
  return definition
}

/** Every setting: read, checked, printed by `--help` and in docs/settings.md from this one table. */
export const settings = {
  listen: setting({
    parse: parseListen,
    default: '0.0.0.0:8624',
    sample: 'HOST:PORT',
    help: 'Where the server listens. [::]:8624 is every address, IPv6 and IPv4; port 0 picks a free one.',
  }),
  'data-dir': setting({
    parse: parseFilePath,
    default: 'data',
    defaultText: './data',
    sample: 'FOLDER',
    help: 'The folder of everything the server keeps: the SQLite database, the images of feeds without a store of their own, the secret key.',
  }),
  'database-url': setting({
    parse: parseDatabaseUrl,
    default: null,
    defaultText: 'sqlite:<data-dir>/entrepot.db',
    sample: 'URL',
    secret: true,
    help: 'The database: sqlite:<file> for one machine, postgres://user:password@host:port/database for one or many.',
  }),
  'base-url': setting({
    parse: parsePublicUrl,
    default: null,
    defaultText: 'from the setting Web.BaseUrl, else from each request',
    sample: 'URL',
    help: 'The public address, as clients type it: https://registry.example.com. Needed behind a proxy that does not say so itself; a wrong one breaks docker login. Overrides Web.BaseUrl.',
  }),
  'trust-proxy': setting({
    parse: parseTrustedProxies,
    default: '',
    defaultText: 'none',
    sample: 'NETWORKS',
    list: true,
    help: 'Addresses and networks of the proxies in front, whose X-Forwarded-For, -Proto, -Host and -Port count: 10.0.0.0/8, 192.168.1.7, or loopback, linklocal, uniquelocal; separated by commas.',
  }),
  'tls-cert': setting({
    parse: parseFilePath,
    default: null,
    defaultText: 'no TLS',
    sample: 'FILE',
    help: 'The certificate chain (PEM), the own certificate first. Read again when it changes, and on SIGHUP. Needs tls-key.',
  }),
  'tls-key': setting({
    parse: parseFilePath,
    default: null,
    defaultText: 'no TLS',
    sample: 'FILE',
    help: 'The private key of the certificate (PEM, without a passphrase). Needs tls-cert.',
  }),
  'admin-password': setting({
    parse: parseSecret(1, 'give one'),
    default: null,
    defaultText: 'generated, and kept in <data-dir>/initial-admin-password until it is changed',
    sample: 'PASSWORD',
    secret: true,
    help: 'The password of the user Admin. For the first start only; later, use entrepot user reset-password Admin.',
  }),
  'secret-key': setting({
    parse: parseSecret(32, 'make one with openssl rand -hex 32'),
    default: null,
    defaultText: '<data-dir>/secret.key, made at the first start',
    sample: 'SECRET',
    secret: true,
    help: 'Encrypts stored credentials and signs tokens; at least 32 characters, the same on every server of one database. Without it the credentials stored in the database cannot be read.',
  }),
  'log-level': setting({
    parse: parseChoice('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    default: 'info',
    sample: 'LEVEL',
    help: 'How much is logged, as JSON lines on the standard output: trace, debug, info, warn, error or silent.',
  }),
  metrics: setting({
    parse: parseChoice('admin', 'anyone', 'off'),
    default: 'admin',
    sample: 'WHO',
    help: 'Who may read /metrics (Prometheus): admin (administrators and system keys), anyone, or off for nobody.',
  }),
  'storage-roots': setting({
    parse: parseFolders,
    default: '',
    defaultText: 'none',
    sample: 'FOLDERS',
    list: true,
    help: 'Folders below which administrators may put the images of a registry, besides the data folder; separated by commas.',
  }),
  'default-store': setting({
    parse: parseStore,
    default: null,
    defaultText: 'the folder store in the data folder',
    sample: 'JSON',
    secret: true,
    help: 'The store in the cloud of main, when the first start makes it, and of every registry that is made later, as the API takes it: {"id": "s3", "properties": {…}} (docs/storage.md). Best from a file.',
  }),
  'backup-to': setting({
    parse: parseBackupTarget,
    default: null,
    defaultText: 'no scheduled backup',
    sample: 'FOLDER|s3://BUCKET/PREFIX',
    help: 'Where the job Backup backs the server up to, every night unless changed: a folder of its own, on another disk, or a prefix of its own in a bucket. SQLite only.',
  }),
  'backup-keep': setting({
    parse: parseCount,
    default: '7',
    sample: 'N',
    help: 'How many whole snapshots the job Backup keeps there.',
  }),
  'backup-rate': setting({
    parse: parseSize,
    default: '0',
    defaultText: '0, as fast as it can',
    sample: 'SIZE',
    help: 'How much the job Backup copies a second at most: 50MB.',
  }),
  'backup-s3-region': setting({
    parse: parseWord,
    default: null,
    defaultText: 'AWS_REGION or AWS_DEFAULT_REGION; us-east-1 with backup-s3-endpoint',
    sample: 'REGION',
    help: 'The region of the bucket of backups: eu-central-1.',
  }),
  'backup-s3-endpoint': setting({
    parse: parseServiceUrl,
    default: null,
    defaultText: 'Amazon S3 (or AWS_ENDPOINT_URL_S3)',
    sample: 'URL',
    help: 'The address of the service that has the bucket of backups, if it is not Amazon: https://s3.example.com.',
  }),
  'backup-s3-path-style': setting({
    parse: parseBoolean,
    default: 'false',
    sample: 'true|false',
    help: 'Whether the bucket of backups is in the path of addresses, not in the name of the host, as many services other than Amazon want it.',
  }),
  'backup-s3-access-key': setting({
    parse: parseWord,
    default: null,
    defaultText: 'what the environment offers (AWS_ACCESS_KEY_ID, profile, instance role)',
    sample: 'KEY',
    help: 'The access key for the bucket of backups. Needs backup-s3-secret-access-key.',
  }),
  'backup-s3-secret-access-key': setting({
    parse: parseWord,
    default: null,
    defaultText: 'what the environment offers',
    sample: 'SECRET',
    secret: true,
    help: 'The secret of backup-s3-access-key.',
  }),
  'disk-reserve': setting({
    parse: parseSize,
    default: '512MiB',
    sample: 'SIZE',
    help: 'Pushes are refused (507) when the disk has less than this free, so that the database keeps room.',
  }),
  ...traceSettings,
} as const satisfies Readonly<Record<string, Setting<unknown>>>

export type SettingName = keyof typeof settings
export type SettingValue<N extends SettingName> = ReturnType<(typeof settings)[N]['parse']>

export const settingNames = Object.keys(settings) as readonly SettingName[]

export function findSetting(name: SettingName): Setting<unknown> {
  return settings[name]
}

export function variableOf(name: SettingName): string {
  return findSetting(name).variable ?? `ENTREPOT_${name.toUpperCase().replaceAll('-', '_')}`
}

import path from 'node:path'
import { expect, test } from 'vitest'
import { formatSettingsPage } from './config/help.ts'
import { type ConfigSources, readCommandPassword, readConfig } from './config.ts'
import { RegistryError } from './domain/errors.ts'

const cwd = path.resolve('/srv/entrepot')

/** The configuration of these sources alone; `files` are those that exist. */
function read({ files = {}, ...sources }: ConfigSources & { files?: Record<string, string> }) {
  const readFile = (file: string) => {
    const text = files[file]
    if (text === 'EACCES') throw Object.assign(new Error('no'), { code: 'EACCES' })
    if (text === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' })
    return text
  }
  return readConfig({ env: {}, cwd, readFile, ...sources })
}

function problemsOf(sources: Parameters<typeof read>[0]): unknown {
  try {
    read(sources)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    const { problems } = error.detail as { problems: string[] }
    for (const problem of problems) expect(error.message).toContain(problem)
    return problems
  }
  return []
}

test('has defaults that serve', () => {
  expect(read({})).toEqual({
    listen: { host: '0.0.0.0', port: 8624 },
    dataDir: path.join(cwd, 'data'),
    databaseUrl: `sqlite:${path.join(cwd, 'data/entrepot.db')}`,
    baseUrl: null,
    trustProxy: [],
    tls: null,
    adminPassword: null,
    secretKey: null,
    logLevel: 'info',
    metrics: 'admin',
    diskReserveBytes: 512 * 2 ** 20,
    storageRoots: [],
    defaultStore: null,
    backup: {
      ...{ to: null, keep: 7, bytesPerSecond: 0 },
      s3: { region: null, endpoint: null, pathStyle: false, credentials: null },
    },
    traces: {
      url: null,
      headers: {},
      protocol: 'http/protobuf',
      serviceName: null,
      resourceAttributes: {},
      sampler: 'parentbased_always_on',
      ratio: 1,
      ignored: [],
    },
  })
})

test('flags win over variables, these over the file, that over defaults', () => {
  const files = {
    [path.join(cwd, 'entrepot.yaml')]:
      'listen: 127.0.0.1:1\nmetrics: anyone\nlog-level: debug\ndisk-reserve: 1GiB\n',
  }
  const env = { ENTREPOT_LISTEN: '127.0.0.1:2', ENTREPOT_METRICS: 'off' }
  const config = read({ files, env, flags: { listen: '127.0.0.1:3' } })
  expect(config.listen).toEqual({ host: '127.0.0.1', port: 3 })
  expect(config.metrics).toBe('off')
  expect(config.logLevel).toBe('debug')
  expect(config.diskReserveBytes).toBe(2 ** 30)
})

test('a relative path starts from where it was written', () => {
  const files = {
    '/etc/entrepot/e.yaml': 'data-dir: state\ndatabase-url: sqlite:db/x.db\n',
    [path.join(cwd, 'secret')]: 'tls.key\n',
  }
  const env = {
    ENTREPOT_CONFIG: '/etc/entrepot/e.yaml',
    ENTREPOT_TLS_CERT: 'tls.crt',
    ENTREPOT_TLS_KEY_FILE: 'secret',
  }
  const config = read({ files, env })
  expect(config.dataDir).toBe(path.resolve('/etc/entrepot/state'))
  expect(config.databaseUrl).toBe(`sqlite:${path.resolve('/etc/entrepot/db/x.db')}`)
  expect(config.tls).toEqual({
    certFile: path.join(cwd, 'tls.crt'),
    keyFile: path.join(cwd, 'tls.key'),
  })
})

test('a value from a file loses one line break and nothing else', () => {
  const files = { '/run/secrets/p': ' pass word \r\n' }
  const env = { ENTREPOT_ADMIN_PASSWORD_FILE: '/run/secrets/p' }
  expect(read({ files, env }).adminPassword).toBe(' pass word ')
})

test('plain values of the file are taken as written', () => {
  const key = '0012345678901234567890123456789012345678'
  const files = {
    [path.join(cwd, 'entrepot.yaml')]: `
# a comment
secret-key: ${key}
trust-proxy: [10.0.0.0/8, loopback]
base-url:
`,
  }
  const config = read({ files })
  expect(config.secretKey).toBe(key)
  expect(config.trustProxy).toEqual(['10.0.0.0/8', 'loopback'])
  expect(config.baseUrl).toBeNull()
})

const good: readonly (readonly [flag: string, text: string, key: string, value: unknown])[] = [
  ['listen', '[::1]:80', 'listen', { host: '::1', port: 80 }],
  ['listen', ':0', 'listen', { host: '0.0.0.0', port: 0 }],
  ['listen', '9000', 'listen', { host: '0.0.0.0', port: 9000 }],
  ['base-url', 'https://Registry.Example.com:443/', 'baseUrl', 'https://registry.example.com'],
  ['base-url', 'http://r:5000', 'baseUrl', 'http://r:5000'],
  ['database-url', 'postgresql://u:p@h/d', 'databaseUrl', 'postgres://u:p@h/d'],
  ['database-url', 'sqlite:///var/e.db', 'databaseUrl', `sqlite:${path.resolve('/var/e.db')}`],
  ['disk-reserve', '256MiB', 'diskReserveBytes', 256 * 2 ** 20],
  ['disk-reserve', '1.5GB', 'diskReserveBytes', 1.5e9],
  ['disk-reserve', '0', 'diskReserveBytes', 0],
  [
    'trust-proxy',
    '10.0.0.1, fd00::/8 loopback',
    'trustProxy',
    ['10.0.0.1', 'fd00::/8', 'loopback'],
  ],
  ['trust-proxy', '', 'trustProxy', []],
  ['log-level', 'WARN', 'logLevel', 'warn'],
  [
    'default-store',
    '{"id": "s3", "properties": {"BucketName": "images"}}',
    'defaultStore',
    { id: 's3', properties: { BucketName: 'images' } },
  ],
  ['backup-to', 'backups', 'backup.to', path.join(cwd, 'backups')],
  ['backup-s3-endpoint', 'https://s3.example.com/', 'backup.s3.endpoint', 'https://s3.example.com'],
  ['backup-s3-path-style', 'True', 'backup.s3.pathStyle', true],
]

test.for([
  ['S3://backups', 's3://backups'],
  ['s3://backups/of this/server//', 's3://backups/of this/server'],
] as const)('reads --backup-to %s', ([text, to]) => {
  const flags = { 'backup-to': text, 'backup-s3-region': 'eu-central-1' }
  expect(read({ flags }).backup.to).toBe(to)
})

test.for(good)('reads --%s %s', ([flag, text, key, value]) => {
  expect(read({ flags: { [flag]: text } })).toHaveProperty(key, value)
})

const bad: readonly (readonly [flag: string, text: string])[] = [
  ['listen', ''],
  ['listen', 'localhost'],
  ['listen', '1.2.3.4:70000'],
  ['listen', '::1:80'],
  ['listen', 'a b:80'],
  ['data-dir', ''],
  ['base-url', 'registry.example.com'],
  ['base-url', 'https://r.example.com/path'],
  ['base-url', 'https://user@r.example.com'],
  ['base-url', 'https://r.example.com?x'],
  ['base-url', 'https://r.example.com"\r\nx: y'],
  ['base-url', 'ftp://r.example.com'],
  ['trust-proxy', '10.0.0.0/8,proxy.example.com'],
  ['trust-proxy', '0.0.0.0/0'],
  ['log-level', 'loud'],
  ['metrics', 'yes'],
  ['default-store', 's3://images'],
  ['default-store', '{"id": "s3"}'],
  ['default-store', '{"id": "s3", "properties": ["BucketName"]}'],
  ['backup-to', 's3://'],
  ['backup-to', 's3://b/prefix'],
  ['backup-to', 's3://backups/a//b'],
  ['backup-to', 's3://backups/../b'],
  ['backup-to', 'https://backups.example.com'],
  ['backup-s3-endpoint', 's3.example.com'],
  ['backup-s3-endpoint', 'https://key:secret@s3.example.com'],
  ['backup-s3-path-style', 'yes'],
  ['disk-reserve', '12 elephants'],
  ['disk-reserve', '-1'],
  ['disk-reserve', '9999999999TiB'],
]

test.for(bad)('refuses --%s "%s"', ([flag, text]) => {
  const problems = problemsOf({ flags: { [flag]: text } })
  expect(problems).toEqual([expect.stringMatching(new RegExp(`^--${flag}: `))])
})

test('speaks to the bucket of backups as it is told, or as the environment says', () => {
  const files = { '/run/secret': 'hush\n' }
  const env = {
    AWS_DEFAULT_REGION: 'eu-west-1',
    AWS_REGION: 'eu-central-1',
    ENTREPOT_BACKUP_S3_ACCESS_KEY: 'key',
    ENTREPOT_BACKUP_S3_SECRET_ACCESS_KEY_FILE: '/run/secret',
  }
  const credentials = { accessKeyId: 'key', secretAccessKey: 'hush' }
  const s3 = { region: 'eu-central-1', endpoint: null, pathStyle: false, credentials }
  expect(read({ files, env }).backup.s3).toEqual(s3)
  const flags = { 'backup-s3-region': 'us-east-2' }
  expect(read({ files, env, flags }).backup.s3.region).toBe('us-east-2')
  expect(problemsOf({ flags: { 'backup-to': 's3://backups' } })).toEqual([
    'backup-s3-region: is not set, nor is AWS_REGION; the bucket of backup-to needs it',
  ])
  expect(problemsOf({ flags: { 'backup-s3-access-key': 'key' } })).toEqual([
    'backup-s3-access-key: is set without backup-s3-secret-access-key; it needs both',
  ])
})

test('tells every problem at once, with where it came from', () => {
  const file = path.join(cwd, 'entrepot.yaml')
  const files = {
    [file]: 'listen: 8624\nlisen: 1\nmetrics: {a: 1}\nlog-level: loud\n',
    '/run/empty': '\n',
  }
  const env = {
    ENTREPOT_BASE_URL: 'nonsense',
    ENTREPOT_SECRET_KEY: 'short-secret',
    ENTREPOT_DATABASE_URL: 'mysql://root:hunter2@db',
    ENTREPOT_ADMIN_PASSWORD_FILE: '/run/empty',
    ENTREPOT_DATADIR: '/x',
    ENTREPOT_TLS_CERT: 'a',
    ENTREPOT_TLS_CERT_FILE: 'b',
    ENTREPOT_DISK_RESERVE_FILE: '/run/absent',
    ENTREPOT_TEST_SOMETHING: '1',
    HOME: '/root',
  }
  const problems = problemsOf({ files, env, flags: { 'trust-proxy': 'x' } })
  expect(problems).toHaveLength(12)
  expect(problems).toEqual(
    expect.arrayContaining(
      [
        `${file}:2: lisen: is not a setting (did you mean listen?)`,
        `${file}:3: metrics: is not a plain value`,
        `ENTREPOT_TLS_CERT: is set, and so is ENTREPOT_TLS_CERT_FILE`,
        `ENTREPOT_ADMIN_PASSWORD_FILE (/run/empty): the file is empty`,
        `ENTREPOT_DISK_RESERVE_FILE (/run/absent): there is no such file`,
        `ENTREPOT_DATADIR: is not a setting (did you mean ENTREPOT_DATA_DIR?)`,
        `ENTREPOT_SECRET_KEY: the value is shorter than 32`,
        `ENTREPOT_DATABASE_URL: the value is neither`,
        `ENTREPOT_BASE_URL: "nonsense" is not`,
        `--trust-proxy: "x" has "x"`,
        `${file}:4: log-level: "loud" is not one of`,
        `tls-cert: is set without tls-key`,
      ].map((start) => expect.stringContaining(start)),
    ),
  )
  expect(JSON.stringify(problems)).not.toMatch(/hunter2|short-secret/)
})

test.for([
  ['--config', { flags: { config: 'x.yaml' } }, 'there is no such file'],
  ['ENTREPOT_CONFIG', { env: { ENTREPOT_CONFIG: 'x.yaml' } }, 'there is no such file'],
  ['entrepot.yaml', { files: { [path.join(cwd, 'entrepot.yaml')]: 'EACCES' } }, 'EACCES'],
  ['entrepot.yaml:1', { files: { [path.join(cwd, 'entrepot.yaml')]: '{' } }, ''],
  ['entrepot.yaml', { files: { [path.join(cwd, 'entrepot.yaml')]: '- listen' } }, 'is not'],
  [
    'entrepot.yaml:2',
    { files: { [path.join(cwd, 'entrepot.yaml')]: 'listen: 1\nlisten: 2' } },
    'unique',
  ],
  ['--tls-key', { flags: { 'tls-key': 'x' } }, 'without tls-cert'],
] as const)('tells of a problem with %s', ([where, sources, what]) => {
  const problems = problemsOf(sources)
  expect(problems).toEqual([expect.stringContaining(where.replace('--tls', 'tls'))])
  expect(problems).toEqual([expect.stringContaining(what)])
})

test('does not stumble over what Kubernetes sets for a service named entrepot', () => {
  const env = {
    ENTREPOT_SERVICE_HOST: '10.0.0.1',
    ENTREPOT_SERVICE_PORT: '80',
    ENTREPOT_SERVICE_PORT_HTTP: '80',
    ENTREPOT_PORT: 'tcp://10.0.0.1:80',
    ENTREPOT_PORT_80_TCP: 'tcp://10.0.0.1:80',
    ENTREPOT_PORT_80_TCP_ADDR: '10.0.0.1',
    ENTREPOT_DB_SERVICE_HOST: '10.0.0.2',
  }
  expect(problemsOf({ env })).toEqual([])
})

test('an empty variable counts as absent', () => {
  const env = { ENTREPOT_BASE_URL: '', ENTREPOT_ADMIN_PASSWORD: '', ENTREPOT_LISTEN_FILE: '' }
  expect(read({ env }).adminPassword).toBeNull()
})

test('the page of settings is printed from the table', async () => {
  await expect(formatSettingsPage()).toMatchFileSnapshot('../docs/settings.md')
})

test('a command takes a password from a variable or a file, and a server does not mind it', () => {
  const variable = 'ENTREPOT_IMPORT_SOURCE_PASSWORD'
  const readFile = (file: string) => {
    if (file === '/run/p') return 'from the file\n'
    throw Object.assign(new Error('no'), { code: 'ENOENT' })
  }
  const take = (env: Record<string, string>) =>
    readCommandPassword(variable, { env, readFile, cwd })
  expect(take({})).toBe(null)
  expect(take({ [variable]: 'secret' })).toBe('secret')
  expect(take({ [`${variable}_FILE`]: '/run/p' })).toBe('from the file')
  expect(() => take({ [`${variable}_FILE`]: '/run/none' })).toThrow('there is no such file')
  expect(() => take({ [variable]: 'a', [`${variable}_FILE`]: '/run/p' })).toThrow('set one of them')
  expect(problemsOf({ env: { [variable]: 'secret' } })).toEqual([])
})

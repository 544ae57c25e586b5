import { existsSync, openSync, readdirSync, statSync, writeSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterAll, expect, test } from 'vitest'
import { runEntrepot, startProcess } from '../support/process.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const folder = makeTemporaryFolder('doctor-command')
const dataDir = path.join(folder.path, 'data')
afterAll(() => folder[Symbol.asyncDispose]())

interface Told {
  readonly status: string
  readonly results: readonly {
    readonly check: string
    readonly findings: readonly { readonly name: string; readonly status: string }[]
  }[]
}

test('beside a server, with it stopped, and with its database damaged', async () => {
  {
    await using server = await startProcess({ dataDir })
    const settings = ['--listen', server.host, '--url', server.url]
    const running = await runEntrepot(dataDir, ['doctor', ...settings])
    expect(running.code, running.output).toBe(0)
    expect(running.stdout).toMatch(/^ok {7}settings: They fit together\.$/m)
    expect(running.stdout).toMatch(/^ok {7}push and pull: A small image went by http/m)
    expect(running.stdout).toMatch(/things looked at: 0 error, 0 warning, 0 skipped, \d+ ok$/m)
    const told = await runEntrepot(dataDir, ['doctor', '--json', '--deep', ...settings])
    const { status, results } = JSON.parse(told.stdout) as Told
    expect(status).toBe('ok')
    expect(results.map(({ check }) => check)).toEqual([
      ...[
        'settings',
        'folders',
        'disk',
        'database',
        'stores',
        'blobs',
        'quotas',
        'backups',
        'clock',
      ],
      ...['address', 'push'],
    ])
    const wrong = await runEntrepot(dataDir, [
      ...[
        'doctor',
        '--listen',
        server.host,
        '--url',
        'http://127.0.0.1:1',
        '--only',
        'address,push',
      ],
    ])
    expect(wrong.code).toBe(1)
    expect(wrong.stdout).toMatch(
      /^error {4}public address: .*nothing listens there\.\n +→ See that/m,
    )
    expect(await server.stop()).toBe(0)
  }
  const before = snapshot()
  const stopped = await runEntrepot(dataDir, [
    ...['doctor', '--listen', '127.0.0.1:1', '--url', 'http://127.0.0.1:1'],
  ])
  expect(stopped.code, stopped.output).toBe(0)
  expect(stopped.stdout).toMatch(
    /^skipped {2}server: No server answers at http:\/\/127\.0\.0\.1:1/m,
  )
  expect(stopped.stdout).toMatch(/^skipped {2}push and pull: No server answers/m)
  expect(stopped.stdout).toMatch(/^ok {7}database: SQLite .* was read, and is whole\.$/m)
  expect(snapshot()).toEqual(before)

  const only = ['doctor', '--only', 'database,blobs', '--listen', '127.0.0.1:1']
  damageRows()
  const broken = await runEntrepot(dataDir, only)
  expect(broken.code).toBe(1)
  expect(broken.stdout).toMatch(
    /^error {4}database damage: 2 faults in it: 1 rows of tags refer to rows of \w+ that are gone.*\n.*restore the last backup/m,
  )
  damagePages()
  const worse = await runEntrepot(dataDir, only)
  expect(worse.code).toBe(1)
  expect(worse.stdout).toMatch(/^error {4}database( damage)?: /m)
  expect(worse.stdout).toMatch(/restore the last backup/)
}, 120_000)

test('names a PostgreSQL that cannot be reached, without its password', async () => {
  const database = 'postgres://robot:secret-password@127.0.0.1:1/entrepot'
  const told = await runEntrepot(dataDir, [
    ...['doctor', '--database-url', database, '--listen', '127.0.0.1:1'],
    ...['--only', 'database,stores'],
  ])
  expect(told.code).toBe(1)
  expect(told.stdout).toMatch(/^error {4}database: .*ECONNREFUSED.*\n +→ See that PostgreSQL runs/m)
  expect(told.stdout).toMatch(/^skipped {2}stores: It needs the database/m)
  expect(told.output).not.toContain('secret-password')
})

test('says what makes no sense, and makes no data folder', async () => {
  const nowhere = path.join(folder.path, 'nowhere')
  const absent = await runEntrepot(nowhere, ['doctor', '--listen', '127.0.0.1:1'])
  expect(absent.code).toBe(1)
  expect(absent.stdout).toMatch(/^error {4}folders: The data folder .*nowhere cannot be looked at/m)
  expect(absent.stdout).toMatch(/^error {4}database: There is no database/m)
  expect(existsSync(nowhere)).toBe(false)
  for (const [args, said] of [
    [['--only', 'disks'], /--only "disks" is not one of settings, folders, disk/],
    [['--url', 'registry'], /--url "registry" is not http/],
    [['--body', '2GiB'], /--body "2GiB" is more than 1GiB/],
    [['--ca', '/nowhere'], /--ca "\/nowhere" cannot be read/],
  ] as const) {
    const refused = await runEntrepot(nowhere, ['doctor', ...args])
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(said)
  }
})

/** Names and sizes of all that is kept; SQLite's log comes and goes with who looks. */
function snapshot(): string[] {
  return readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .map((each) => path.join(each.parentPath, each.name))
    .filter((file) => !/-(?:wal|shm)$/.test(file) && statSync(file).isFile())
    .map((file) => `${file} ${statSync(file).size}`)
    .sort()
}

function damageRows() {
  const file = path.join(dataDir, 'entrepot.db')
  using db = new DatabaseSync(file, { enableForeignKeyConstraints: false })
  db.exec(`insert into tags (repository_id, name, manifest_id, created_at, updated_at, updated_by)
    select 99, 'lost', 99, 1, 1, 'nobody'`)
}

function damagePages() {
  const handle = openSync(path.join(dataDir, 'entrepot.db'), 'r+')
  for (let page = 3; page < 40; page += 1)
    writeSync(handle, Buffer.alloc(2000, 7), 0, 2000, page * 4096)
}

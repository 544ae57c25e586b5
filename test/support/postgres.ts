import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { findFreePort } from './free-port.ts'
import { type Found, needs } from './require.ts'

/** A PostgreSQL of our own: empty, on loopback, gone with this process. */
export interface PostgresServer extends AsyncDisposable {
  /** Of its first database; a superuser without a password. */
  readonly url: string
}

export function findPostgres(): Found {
  return needs({ program: 'postgres', package: 'postgresql', folders: debianFolders() })
}

/** Debian keeps the server out of `PATH`, one folder a version. */
function debianFolders(): string[] {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root) : []
  return versions.sort((a, b) => Number(b) - Number(a)).map((each) => path.join(root, each, 'bin'))
}

export async function startPostgres(postgres: Found): Promise<PostgresServer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'entrepot-postgres-'))
  const data = path.join(folder, 'data')
  const user = serverUser()
  const options = {
    ...user,
    cwd: folder,
    env: { PATH: '/usr/bin:/bin', HOME: folder, LC_ALL: 'C' },
  }
  if (user !== undefined) {
    chownSync(folder, user.uid, user.gid)
  }
  await promisify(execFile)(
    path.join(path.dirname(realpathSync(postgres.file)), 'initdb'),
    [
      '-D',
      data,
      '-U',
      'test',
      '-A',
      'trust',
      '--no-sync',
      '--no-instructions',
      '--locale=C',
      '-E',
      'UTF8',
    ],
    options,
  )
  const port = await findFreePort()
  // A file and no pipe: the log of failed statements would fill a pipe that nobody reads.
  const logFile = path.join(folder, 'log')
  const log = openSync(logFile, 'w')
  const settings = [
    'listen_addresses=127.0.0.1',
    'max_connections=200',
    'shared_buffers=32MB',
    'fsync=off',
    'synchronous_commit=off',
    'full_page_writes=off',
  ].flatMap((setting) => ['-c', setting])
  const server = spawn(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      postgres.file,
      '-D',
      data,
      '-k',
      folder,
      '-p',
      String(port),
      ...settings,
    ],
    { ...options, stdio: ['ignore', log, log] },
  )
  const url = `postgres://test@127.0.0.1:${port}/postgres`
  const stop = async () => {
    if (server.exitCode === null && server.signalCode === null) {
      const exited = once(server, 'exit')
      server.kill('SIGQUIT')
      await exited
    }
    rmSync(folder, { recursive: true, force: true })
  }
  while (!(await answers(url))) {
    if (server.exitCode !== null || server.signalCode !== null) {
      const reason = readFileSync(logFile, 'utf8')
      await stop()
      throw new Error(`PostgreSQL did not start: ${reason}`)
    }
    await wait(20)
  }
  return { url, [Symbol.asyncDispose]: stop }
}

/** Makes an empty database beside the one that `url` names, and returns its address. */
export async function createDatabase(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`create database ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
  const address = new URL(url)
  address.pathname = `/${name}`
  return address.href
}

/** PostgreSQL refuses to run as root: then it runs as its package's user. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) {
    return undefined
  }
  const idOf = (kind: '-u' | '-g') =>
    Number(execFileSync('id', [kind, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.end()
    return true
  } catch {
    return false
  }
}

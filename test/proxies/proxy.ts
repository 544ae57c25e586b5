import { mkdir, writeFile } from 'node:fs/promises'
import type { ClientRequest } from 'node:http'
import https from 'node:https'
import { connect } from 'node:net'
import path from 'node:path'
import type { Certificates } from '../support/certificates.ts'
import { type Daemon, startDaemon, waitUntilReady } from '../support/daemon.ts'
import { findFreePort } from '../support/free-port.ts'
import { documentedBlock, documentedModules } from './documented.ts'

export interface ProxyOptions {
  /** The path of `nginx`, `apache2` or `caddy`. */
  readonly program: string
  /** For its files; made if need be. */
  readonly folder: string
  readonly certificates: Certificates
  /** Where the server behind it listens: `127.0.0.1:port`. */
  readonly backend: string
  /** A free one by default. */
  readonly port?: number
  /** What a test makes of the documented block: planted faults. */
  readonly edit?: (block: string) => string
}

/** A proxy that ends TLS. */
export interface TlsProxy extends AsyncDisposable {
  /** `https://127.0.0.1:port`. */
  readonly url: string
  readonly host: string
  readonly logFile: string
}

/** nginx in one process, so that its own pid is all there is to end. */
export async function startNginx(options: ProxyOptions): Promise<TlsProxy> {
  const { folder, certificates, backend, edit = (text: string) => text } = options
  const port = options.port ?? (await findFreePort())
  const block = documentedBlock('nginx', {
    'listen 443 ssl': `listen 127.0.0.1:${port} ssl`,
    'server_name registry.example.com': 'server_name 127.0.0.1',
    '/etc/nginx/tls.crt': certificates.certFile,
    '/etc/nginx/tls.key': certificates.keyFile,
    '127.0.0.1:8624': backend,
  })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const configuration = [
    'daemon off;',
    'master_process off;',
    'pid pid;',
    'error_log stderr warn;',
    'events {}',
    'http {',
    'access_log off;',
    ...temporary.map((name) => `${name}_temp_path ${name};`),
    edit(block),
    '}',
    '',
  ]
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, 'nginx.conf'), configuration.join('\n'))
  const args = ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr']
  return runProxy({ port, program: options.program, args, folder })
}

const modulesFolder = '/usr/lib/apache2/modules'
/** What Debian's Apache has switched on without being asked, and the default way to work. */
const ownModules = ['mpm_event', 'authz_core']

/** Apache in one process (`-X`), with the modules that the document names. */
export async function startApache(options: ProxyOptions): Promise<TlsProxy> {
  const { folder, certificates, backend } = options
  const port = options.port ?? (await findFreePort())
  const block = documentedBlock('apache', {
    '*:443': `127.0.0.1:${port}`,
    'ServerName registry.example.com': 'ServerName 127.0.0.1',
    '/etc/apache2/tls.crt': certificates.certFile,
    '/etc/apache2/tls.key': certificates.keyFile,
    '127.0.0.1:8624': backend,
  })
  const configuration = [
    ...[...ownModules, ...documentedModules()].map(
      (name) => `LoadModule ${name}_module ${modulesFolder}/mod_${name}.so`,
    ),
    `ServerRoot ${folder}`,
    `DefaultRuntimeDir ${folder}`,
    'PidFile pid',
    'ErrorLog /dev/stderr',
    'User www-data',
    'Group www-data',
    'ServerName 127.0.0.1',
    `Listen 127.0.0.1:${port}`,
    block,
    '',
  ]
  await mkdir(folder, { recursive: true })
  const file = path.join(folder, 'apache2.conf')
  await writeFile(file, configuration.join('\n'))
  return runProxy({ port, program: options.program, args: ['-X', '-f', file], folder })
}

/** Caddy, with nothing of its own but what the document has: no other port, no certificates of its making. */
export async function startCaddy(options: ProxyOptions): Promise<TlsProxy> {
  const { folder, certificates, backend } = options
  const port = options.port ?? (await findFreePort())
  const block = documentedBlock('caddy', {
    'registry.example.com': `https://127.0.0.1:${port}`,
    '/etc/caddy/tls.crt': certificates.certFile,
    '/etc/caddy/tls.key': certificates.keyFile,
    '127.0.0.1:8624': backend,
  })
  const surroundings = [
    'admin off',
    'auto_https disable_redirects',
    'default_bind 127.0.0.1',
    `storage file_system ${folder}`,
  ]
  await mkdir(folder, { recursive: true })
  const file = path.join(folder, 'Caddyfile')
  await writeFile(file, ['{', ...surroundings, '}', block, ''].join('\n'))
  const args = ['run', '--config', file, '--adapter', 'caddyfile']
  // It keeps what it was started with there.
  const env = { ...process.env, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder }
  return runProxy({ port, program: options.program, args, folder, env })
}

async function runProxy(started: {
  readonly port: number
  readonly program: string
  readonly args: readonly string[]
  readonly folder: string
  readonly env?: NodeJS.ProcessEnv
}): Promise<TlsProxy> {
  const { port, program, args, folder, env } = started
  const logFile = path.join(folder, 'log')
  const daemon: Daemon = startDaemon({ program, args, cwd: folder, logFile, ...(env && { env }) })
  await waitUntilReady(daemon, () => listens(port), 20)
  const host = `127.0.0.1:${port}`
  return {
    url: `https://${host}`,
    host,
    logFile,
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

export interface SecureRequest {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string | number>>
  /** Without a `content-length` it goes chunked. */
  readonly body?: Iterable<Uint8Array>
}

export interface SecureAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** One request over TLS that trusts one authority. Hands the body out piece by piece if asked to. */
export function askSecurely(
  proxy: Pick<TlsProxy, 'url'>,
  ca: Uint8Array,
  request: SecureRequest,
  onPiece?: (piece: Buffer) => void,
): Promise<SecureAnswer> {
  return new Promise((resolve, reject) => {
    const { method, headers } = request
    const req = https.request(new URL(request.path, proxy.url), {
      method,
      agent: false,
      ca: Buffer.from(ca),
      ...(headers !== undefined && { headers }),
    })
    req.on('error', reject)
    req.on('response', (res) => {
      const pieces: Buffer[] = []
      res.on('data', onPiece ?? ((piece: Buffer) => pieces.push(piece)))
      res.on('error', reject)
      res.on('end', () =>
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          body: Buffer.concat(pieces),
        }),
      )
    })
    void sendPieces(req, request.body ?? []).catch(reject)
  })
}

async function sendPieces(req: ClientRequest, pieces: Iterable<Uint8Array>) {
  for (const piece of pieces) {
    if (req.destroyed) return
    if (!req.write(piece)) await new Promise<void>((resolve) => req.once('drain', () => resolve()))
  }
  req.end()
}

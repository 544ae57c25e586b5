import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type CommandResult, runCommand } from './command.ts'
import { logTail, startDaemon, waitUntilReady } from './daemon.ts'
import { formatDockerArchive } from './docker-archive.ts'
import { type Found, needs } from './require.ts'
import { formatTar } from './tar.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

/** A Docker Engine of the tests' own: it shares no image, container or login with the machine's. */
export interface DockerEngine extends AsyncDisposable {
  readonly version: string
  /** Runs a client whose login is kept in `configFolder`, by default the engine's own. */
  readonly docker: (...args: readonly string[]) => Promise<CommandResult>
  /** The same with an input, a second config folder or more environment. */
  readonly run: (args: readonly string[], options: DockerOptions) => Promise<CommandResult>
  /** Builds an image of busybox and the given files; `main` is the shell command it runs. */
  readonly build: (name: string, image: ImageContent) => Promise<void>
  /** Has images of the same kind without building them, by name. */
  readonly load: (images: Readonly<Record<string, ImageContent>>) => Promise<void>
  /** Where the client keeps its login. */
  readonly configFolder: string
  /** What clients find it by: DOCKER_HOST. */
  readonly socket: string
  readonly pid: number
}

export interface EngineOptions {
  /**
   * A network of its own, as on a machine that has nothing but Docker: with bridges, Docker's name
   * server, and ports that no one else has. What it does to the firewall goes with it. Otherwise it has
   * this machine's, and no bridge.
   */
  readonly hasOwnNetwork?: boolean
}

export interface DockerOptions {
  readonly input?: string
  readonly configFolder?: string
  readonly env?: Readonly<Record<string, string>>
  /** Kills the client. */
  readonly signal?: AbortSignal
  readonly timeoutSeconds?: number
}

export interface ImageContent {
  /** One layer each, in this order: file name to content. */
  readonly layers: readonly Readonly<Record<string, string | Uint8Array>>[]
  readonly main: string
}

export type DockerEngineOrNot =
  | { readonly engine: DockerEngine; readonly reason: '' }
  | { readonly engine: undefined; readonly reason: string }

const timeoutSeconds = 120
const sbin = { folders: ['/usr/sbin', '/sbin'] }

/**
 * Starts an engine, or says why it cannot be. Where ENTREPOT_TEST_REQUIRE=all it throws instead,
 * so that nothing is skipped unseen.
 */
export async function startDockerEngine(options: EngineOptions = {}): Promise<DockerEngineOrNot> {
  const dockerd = needs({ program: 'dockerd', package: 'docker.io', ...sbin })
  const client = needs({ program: 'docker', package: 'docker.io' })
  const busybox = needs({ program: 'busybox', package: 'busybox-static' })
  const missing = [dockerd, client, busybox].find((found) => found.skip)
  if (missing !== undefined) return { engine: undefined, reason: missing.reason }
  try {
    return { engine: await openEngine({ dockerd, client, busybox }, options), reason: '' }
  } catch (cause) {
    const reason = `needs a Docker Engine that starts, which this machine did not let it do`
    if (process.env.ENTREPOT_TEST_REQUIRE === 'all') throw new Error(`This ${reason}`, { cause })
    return { engine: undefined, reason }
  }
}

async function openEngine(
  { dockerd, client, busybox }: { readonly [name in 'dockerd' | 'client' | 'busybox']: Found },
  { hasOwnNetwork = false }: EngineOptions,
): Promise<DockerEngine> {
  const folder = makeTemporaryFolder('docker')
  const inside = (name: string) => path.join(folder.path, name)
  const socket = `unix://${inside('sock')}`
  // On TERM it ends its containerd as well; on KILL that would stay behind.
  const daemon = startDaemon({
    program: hasOwnNetwork ? 'unshare' : dockerd.file,
    args: [
      ...(hasOwnNetwork ? ['--net', ...afterLoopback(busybox.file), dockerd.file] : []),
      ...['--data-root', inside('data'), '--exec-root', inside('exec')],
      ...['--pidfile', inside('pid'), '--host', socket],
      ...(hasOwnNetwork ? [] : ['--bridge', 'none', '--iptables=false']),
    ],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    logFile: inside('log'),
    orphanSignal: 'TERM',
  })
  const configFolder = inside('client')
  const run = (args: readonly string[], options: DockerOptions = {}) =>
    runCommand(client.file, args, {
      timeoutSeconds: options.timeoutSeconds ?? timeoutSeconds,
      cwd: folder.path,
      env: {
        ...process.env,
        DOCKER_HOST: socket,
        DOCKER_CONFIG: options.configFolder ?? configFolder,
        DOCKER_BUILDKIT: '0',
        ...options.env,
      },
      ...(options.input !== undefined && { input: options.input }),
      ...(options.signal && { signal: options.signal }),
    })
  const answers = async () => (await run(['version'])).code === 0
  await waitUntilReady(daemon, answers, 30)
  const { stdout } = await run(['version', '--format', '{{.Server.Version}}'])
  return {
    version: stdout.trim(),
    docker: (...args) => run(args),
    run,
    build: (name, image) => buildImage(run, { name, image, busybox: busybox.file, folder }),
    load: (images) => loadImages(run, { images, busybox: busybox.file, folder }),
    configFolder,
    socket,
    pid: daemon.pid,
    [Symbol.asyncDispose]: async () => {
      const exit = await daemon.end('SIGTERM')
      if (exit !== 0) throw new Error(`dockerd ended with ${exit}:\n${logTail(daemon)}`)
      await runCommand('umount', [inside('data')])
      // Of containers in the network of the machine.
      await runCommand('umount', [inside('exec/netns/default')])
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** Runs what follows when the loopback of a new network is up. */
function afterLoopback(busybox: string): string[] {
  return [busybox, 'sh', '-c', '"$0" ip link set lo up && exec "$@"', busybox]
}

interface Build {
  readonly name: string
  readonly image: ImageContent
  readonly busybox: string
  readonly folder: { readonly path: string }
}

type RunDocker = (args: readonly string[]) => Promise<CommandResult>

async function buildImage(run: RunDocker, build: Build): Promise<void> {
  const context = path.join(build.folder.path, 'build', build.name.replaceAll(/[/:]/g, '-'))
  await mkdir(context, { recursive: true })
  await copyFile(build.busybox, path.join(context, 'busybox'))
  const lines = ['FROM scratch', 'COPY busybox /bin/busybox']
  for (const [index, files] of build.image.layers.entries()) {
    await mkdir(path.join(context, `${index}`), { recursive: true })
    for (const [name, content] of Object.entries(files)) {
      await writeFile(path.join(context, `${index}`, name), content)
    }
    lines.push(`COPY ${index}/ /`)
  }
  const command = JSON.stringify(commandOf(build.image))
  await writeFile(path.join(context, 'Dockerfile'), [...lines, `CMD ${command}`, ''].join('\n'))
  const result = await run(['build', '--network', 'none', '--tag', build.name, context])
  if (result.code !== 0) throw new Error(`docker build failed:\n${result.output}`)
}

interface Load {
  readonly images: Readonly<Record<string, ImageContent>>
  readonly busybox: string
  readonly folder: { readonly path: string }
}

async function loadImages(run: RunDocker, load: Load): Promise<void> {
  const busybox = formatTar({ 'bin/busybox': await readFile(load.busybox) })
  const images = Object.entries(load.images).map(([name, image]) => ({
    name,
    layers: [busybox, ...image.layers.map(formatTar)],
    command: commandOf(image),
  }))
  const archive = path.join(load.folder.path, 'archive.tar')
  await writeFile(archive, formatDockerArchive(images))
  const result = await run(['load', '--input', archive])
  await rm(archive)
  if (result.code !== 0) throw new Error(`docker load failed:\n${result.output}`)
}

function commandOf(image: ImageContent): string[] {
  return ['/bin/busybox', 'sh', '-c', image.main]
}

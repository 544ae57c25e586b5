import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type CommandResult, runCommand } from './command.ts'
import { startDaemon, waitUntilReady } from './daemon.ts'

/** A containerd of the tests' own, without Kubernetes' part. */
export interface Containerd extends AsyncDisposable {
  readonly ctr: (...args: readonly string[]) => Promise<CommandResult>
}

const unneeded = [
  'io.containerd.grpc.v1.cri',
  ...['aufs', 'btrfs', 'devmapper', 'overlayfs', 'zfs'].map(
    (name) => `io.containerd.snapshotter.v1.${name}`,
  ),
]

/** `programs` are the paths of `containerd` and `ctr`; everything it keeps goes into `folder`. */
export async function startContainerd(
  programs: { readonly containerd: string; readonly ctr: string },
  folder: string,
): Promise<Containerd> {
  const inside = (name: string) => path.join(folder, name)
  const socket = inside('sock')
  const configuration = [
    'version = 2',
    `root = ${JSON.stringify(inside('root'))}`,
    `state = ${JSON.stringify(inside('state'))}`,
    `disabled_plugins = ${JSON.stringify(unneeded)}`,
    '[grpc]',
    `  address = ${JSON.stringify(socket)}`,
    '',
  ]
  await mkdir(folder, { recursive: true })
  await writeFile(inside('config.toml'), configuration.join('\n'))
  const daemon = startDaemon({
    program: programs.containerd,
    args: ['--config', inside('config.toml')],
    logFile: inside('log'),
  })
  const ctr = (...args: readonly string[]) =>
    runCommand(programs.ctr, ['--address', socket, ...args])
  await waitUntilReady(daemon, async () => (await ctr('version')).code === 0, 20)
  return {
    ctr,
    [Symbol.asyncDispose]: async () => {
      await daemon.end('SIGTERM')
    },
  }
}

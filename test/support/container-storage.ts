import { writeFileSync } from 'node:fs'
import path from 'node:path'

/** A folder of their own for podman and buildah: nothing of the machine's images or settings counts. */
export interface ContainerStorage {
  /** Before the sub-command. */
  readonly flags: readonly string[]
  /** For sub-commands that move images. */
  readonly policyFlag: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

export function makeContainerStorage(folder: string): ContainerStorage {
  const inside = (name: string) => path.join(folder, name)
  writeFileSync(inside('policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}')
  return {
    // Plain copies of files: nothing is mounted that would have to be unmounted.
    flags: ['--root', inside('root'), '--runroot', inside('run'), '--storage-driver', 'vfs'],
    policyFlag: ['--signature-policy', inside('policy.json')],
    env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder, XDG_CONFIG_HOME: folder },
  }
}

import { stat } from 'node:fs/promises'
import { unlessMissing } from '../../blobs/file-errors.ts'
import { defaultSettings, listSettingProblems, normalUrl } from '../../domain/connector.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { ClientOptions } from '../../upstream/client.ts'
import { DistributionFolder, findDistributionRoot } from './distribution-folder.ts'
import { DockerArchive } from './docker-archive.ts'
import { FolderTree } from './folder-tree.ts'
import type { ImportReport } from './import-report.ts'
import { LayoutSource } from './layout-source.ts'
import { RegistrySource } from './registry-source.ts'
import type { Source } from './source.ts'
import { TarTree } from './tar-tree.ts'

export interface RemoteAccess {
  readonly username: string | null
  readonly password: string | null
  /** PEM; null: none but the usual authorities. */
  readonly caCertificate: string | null
  /** Other hosts that may be sent the credentials, in exchange for a token. */
  readonly realmHosts: readonly string[]
}

export interface SourceOrder {
  /** `https://…`, or a folder or a file. */
  readonly from: string
  /** What images are called that a file has no name for; null: nobody said. */
  readonly as: string | null
  readonly access: RemoteAccess
}

/** Connections, and silences within an answer. */
const timeoutMs = 60_000

/** Finds out what it is. Throws REQUEST_INVALID, saying what was looked for, when it is nothing that is known. */
export async function openSource(order: SourceOrder, report: ImportReport): Promise<Source> {
  const { from, as, access } = order
  if (/^https?:\/\//i.test(from)) {
    const source = new RegistrySource(clientOptions('FROM', from, access), report)
    await source.ping()
    return source
  }
  const found = await unlessMissing(stat(from))
  if (found === undefined) {
    throw new RegistryError(
      'REQUEST_INVALID',
      `There is no ${from}: give the folder of a registry or of an OCI layout, an archive, or https://….`,
    )
  }
  return found.isDirectory()
    ? await openFolder(from, { as, report })
    : await openArchive(from, { as, report })
}

interface Options {
  readonly as: string | null
  readonly report: ImportReport
}

async function openFolder(folder: string, options: Options): Promise<Source> {
  const tree = await FolderTree.open(folder)
  if ((await tree.find('oci-layout')) !== undefined) return LayoutSource.open(tree, options)
  const root = await findDistributionRoot(tree)
  if (root !== undefined) return new DistributionFolder(tree, root, options.report)
  throw new RegistryError(
    'REQUEST_INVALID',
    `${folder} is neither the folder of a registry (docker/registry/v2/repositories) nor an OCI layout (oci-layout).`,
  )
}

async function openArchive(file: string, options: Options): Promise<Source> {
  const tree = await TarTree.open(file)
  try {
    if (tree.has('oci-layout') && tree.has('index.json')) {
      return await LayoutSource.open(tree, options)
    }
    if (tree.has('manifest.json')) return await DockerArchive.open(tree, options)
    throw new RegistryError(
      'REQUEST_INVALID',
      `${file} has neither an OCI layout (oci-layout, index.json) nor what docker save writes (manifest.json).`,
    )
  } catch (error) {
    await tree[Symbol.asyncDispose]()
    throw error
  }
}

/** Of a registry that whoever gives the command named: it may be anywhere. */
export function clientOptions(what: string, text: string, access: RemoteAccess): ClientOptions {
  const { username, password, caCertificate, realmHosts } = access
  const usual = defaultSettings(normalUrl(text))
  const settings = { ...usual, username, realmHosts: [...usual.realmHosts, ...realmHosts] }
  const [problem] = listSettingProblems(settings)
  if (problem !== undefined) {
    throw new RegistryError('REQUEST_INVALID', `${what}: ${problem.message}`)
  }
  return {
    ...{ url: new URL(settings.url), realmHosts: settings.realmHosts, caCertificate, timeoutMs },
    ...{ allowPrivate: true, now: Date.now },
    credentials: username === null ? null : { username, password: password ?? '' },
  }
}

import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { unlessMissing } from '../../blobs/file-errors.ts'
import { makeFolder, makeFolderTree, syncFolder } from '../../blobs/folder.ts'
import { algorithmOf, type Digest } from '../../domain/digest.ts'
import { RegistryError } from '../../domain/errors.ts'
import { atTarget, listNames, writeWhole } from '../backup/backup-files.ts'
import { type BlobPlace, openFolderBlobs } from '../backup/folder-blobs.ts'
import type { CopyTarget } from '../backup/target.ts'

/** An entry of `index.json` (OCI image-spec, image-layout.md). */
export interface LayoutEntry {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** An OCI image layout that is being written. */
export interface LayoutFolder {
  readonly target: CopyTarget
  /** Makes it whole: what it lists is there, on the disk. */
  finish(entries: readonly LayoutEntry[]): Promise<void>
}

const indexType = 'application/vnd.oci.image.index.v1+json'
const sourceKey = 'org.entrepot.exported.from'

/**
 * A layout in an empty folder, or in one that the same repository was exported to. Throws CONFLICT
 * for a folder that holds something else.
 */
export function openLayoutFolder(root: string, source: string): Promise<LayoutFolder> {
  return atTarget(root, async () => {
    await requireOurs(root, source)
    await makeFolderTree(root)
    const blobs = path.join(root, 'blobs')
    // Beside the layout: a run that was cut off leaves something here alone.
    const partial = path.join(root, '.partial')
    await rm(partial, { recursive: true, force: true })
    for (const folder of [blobs, partial]) await makeFolder(folder)
    await writeWhole(markerOf(root), `${source}\n`)
    return {
      target: openFolderBlobs({ root, partial, place: (digest) => placeIn(blobs, digest) }),
      finish: (entries) => atTarget(root, () => finish(root, entries, source)),
    }
  })
}

function placeIn(blobs: string, digest: Digest): BlobPlace {
  const algorithm = algorithmOf(digest)
  const folder = path.join(blobs, algorithm)
  return { folder, file: path.join(folder, digest.slice(algorithm.length + 1)) }
}

async function finish(root: string, entries: readonly LayoutEntry[], source: string) {
  const blobs = path.join(root, 'blobs')
  for (const algorithm of await listNames(blobs)) await syncFolder(path.join(blobs, algorithm))
  await syncFolder(blobs)
  const annotations = { [sourceKey]: source }
  const index = { schemaVersion: 2, mediaType: indexType, manifests: entries, annotations }
  await writeWhole(path.join(root, 'index.json'), `${JSON.stringify(index, null, 2)}\n`)
  await writeWhole(
    path.join(root, 'oci-layout'),
    `${JSON.stringify({ imageLayoutVersion: '1.0.0' })}\n`,
  )
  await rm(path.join(root, '.partial'), { recursive: true, force: true })
  await rm(markerOf(root), { force: true })
  await syncFolder(root)
}

/** While an export goes on, the index does not say yet whose folder it is. */
function markerOf(root: string): string {
  return path.join(root, '.exporting')
}

async function requireOurs(root: string, source: string): Promise<void> {
  const names = (await listNames(root)).filter((name) => name !== 'lost+found')
  if (names.length === 0) return
  const marker = (await unlessMissing(readFile(markerOf(root), 'utf8')))?.trim()
  const index = await unlessMissing(readFile(path.join(root, 'index.json'), 'utf8'))
  const found = marker ?? sourceOf(index)
  if (found === source) return
  throw new RegistryError(
    'CONFLICT',
    found === undefined
      ? `${root} is not empty and no export of ${source} (it has ${names[0]}): export into a folder of its own.`
      : `${root} is an export of ${found}: export ${source} into a folder of its own.`,
  )
}

function sourceOf(index: string | undefined): string | undefined {
  try {
    return JSON.parse(index ?? '')?.annotations?.[sourceKey]
  } catch {
    return undefined
  }
}

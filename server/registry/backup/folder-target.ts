import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { unlessMissing } from '../../blobs/file-errors.ts'
import { makeFolder, makeFolderTree, syncFolder } from '../../blobs/folder.ts'
import { CopiedDatabase } from '../../db/copied-database.ts'
import { lockFolder } from '../../db/process-lock.ts'
import {
  atTarget,
  type BackupLayout,
  blobPath,
  layoutOf,
  listNames,
  syncBlobs,
  writeWhole,
} from './backup-files.ts'
import { openFolderBlobs } from './folder-blobs.ts'
import {
  type BackupTarget,
  databaseName,
  infoFile,
  type SnapshotDraft,
  type TargetHold,
  type TargetUse,
} from './target.ts'

const partial = '.partial'
const pieceBytes = 1024 * 1024

/** A folder as the place of backups, absolute; made (mode 0700) when it is held for writing. */
export function openFolderTarget(root: string): BackupTarget {
  const layout = layoutOf(root)
  const at = <T>(work: () => Promise<T>) => atTarget(root, work)
  const inside = (name: string) => path.join(root, ...name.split('/'))
  const place = { root, partial: layout.partial, place: blobPath.bind(null, layout) }
  return {
    ...openFolderBlobs(place),
    name: root,
    whyEmpty: 'is its disk mounted?',
    read: (name) => at(() => unlessMissing(readFile(inside(name)))),
    write: (name, text) => at(() => writeWhole(inside(name), text)),
    list: (folder) => at(() => listNames(inside(folder))),
    hold: (use) => at(() => holdFolder(root, use)),
    prepare: () => at(() => prepare(layout)),
    beginSnapshot: (name) => at(() => beginSnapshot(layout, name)),
    async fetchDatabase(snapshot) {
      const file = inside(`snapshots/${snapshot}/${databaseName}`)
      return (await at(() => unlessMissing(stat(file)))) && file
    },
    removeSnapshot: (name) => at(() => removeSnapshot(layout, name)),
    readBlob: (digest) =>
      createReadStream(blobPath(layout, digest).file, { highWaterMark: pieceBytes }),
    removeBlobs: (kept, removed) => at(() => removeBlobs(layout, kept, removed)),
    async [Symbol.asyncDispose]() {},
  }
}

async function holdFolder(root: string, { isReader }: TargetUse): Promise<TargetHold | undefined> {
  if (!isReader) await makeFolderTree(root)
  const lock = await lockFolder(root, 'backup').catch((error: unknown) => {
    // Nobody can lock a folder that cannot be written.
    if (isReader) return null
    throw error
  })
  if (lock === undefined) return undefined
  const lost = new AbortController().signal
  return { lost, [Symbol.asyncDispose]: async () => lock?.[Symbol.asyncDispose]() }
}

async function prepare(layout: BackupLayout): Promise<void> {
  for (const folder of [layout.blobs, layout.partial, layout.snapshots]) await makeFolder(folder)
  for (const name of await listNames(layout.partial)) {
    await rm(path.join(layout.partial, name), { force: true })
  }
  for (const name of await listNames(layout.snapshots)) {
    if (name.endsWith(partial)) {
      await rm(path.join(layout.snapshots, name), { recursive: true, force: true })
    }
  }
}

/** A folder with a name of its own until it is whole. */
async function beginSnapshot(layout: BackupLayout, name: string): Promise<SnapshotDraft> {
  const whole = path.join(layout.snapshots, name)
  const folder = `${whole}${partial}`
  const files = path.join(folder, 'files')
  await mkdir(files, { recursive: true, mode: 0o700 })
  const at = <T>(work: () => Promise<T>) => atTarget(layout.root, work)
  return {
    database: path.join(folder, databaseName),
    putFile: (file, bytes) => at(() => writeSecret(path.join(files, file), bytes)),
    finish: (info) =>
      at(async () => {
        await syncBlobs(layout)
        await writeWhole(path.join(folder, infoFile), `${JSON.stringify(info, null, 2)}\n`)
        await syncFolder(files)
        await syncFolder(folder)
        await rename(folder, whole)
        await syncFolder(layout.snapshots)
        return whole
      }),
  }
}

/** Writes a file for its owner alone, in place of another one, its bytes on the disk. */
export async function writeSecret(file: string, bytes: Uint8Array): Promise<void> {
  await rm(file, { force: true })
  await using handle = await open(file, 'wx', 0o600)
  await handle.writeFile(bytes)
  await handle.sync()
}

async function removeSnapshot(layout: BackupLayout, name: string): Promise<void> {
  const folder = path.join(layout.snapshots, name)
  const leaving = `${folder}${partial}`
  await rename(folder, leaving)
  await syncFolder(layout.snapshots)
  await rm(leaving, { recursive: true, force: true })
}

/** Shard by shard, so that no list of all blobs is ever in memory. */
async function removeBlobs(
  layout: BackupLayout,
  kept: readonly string[],
  removed: (sizeBytes: number) => void,
): Promise<void> {
  const copies = kept.map(
    (name) => new CopiedDatabase(path.join(layout.snapshots, name, databaseName)),
  )
  try {
    for (const algorithm of await listNames(layout.blobs)) {
      for (const shard of await listNames(path.join(layout.blobs, algorithm))) {
        const from = `${algorithm}:${shard}`
        const needed = new Set(copies.flatMap((copy) => copy.listDigests(from, `${from}g`)))
        const isNeeded = (hex: string) => needed.has(`${algorithm}:${hex}`)
        await removeFrom(path.join(layout.blobs, algorithm, shard), isNeeded, removed)
      }
    }
  } finally {
    for (const copy of copies) copy[Symbol.dispose]()
  }
}

async function removeFrom(
  folder: string,
  isNeeded: (name: string) => boolean,
  removed: (sizeBytes: number) => void,
): Promise<void> {
  for (const name of await listNames(folder)) {
    if (isNeeded(name)) continue
    const file = path.join(folder, name)
    const { size } = await stat(file)
    await rm(file)
    removed(size)
  }
}

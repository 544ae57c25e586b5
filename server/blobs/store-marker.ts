import { randomUUID } from 'node:crypto'
import { open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { RegistryError } from '../domain/errors.ts'
import { unlessMissing } from './file-errors.ts'
import type { FileLayout } from './file-layout.ts'
import { makeFolder, makeFolderTree, syncFolder } from './folder.ts'

const trustMilliseconds = 1_000

/**
 * The file that says "this folder is the store, and it is the one that was opened". An unmounted
 * folder has none, or another's, so that missing bytes are not taken for lost ones.
 */
export class StoreMarker {
  readonly id: string
  readonly #file: string
  #verifiedAt = Number.NEGATIVE_INFINITY

  constructor(file: string, id: string) {
    this.#file = file
    this.id = id
  }

  /** Throws UNAVAILABLE, or the file system's error, unless the marker is there and is ours. */
  async verify(): Promise<void> {
    const id = await readMarker(this.#file)
    if (id === undefined) {
      throw new RegistryError(
        'UNAVAILABLE',
        'The blob store is not there: its marker entrepot-store.json is missing. Is its disk mounted?',
      )
    }
    if (id !== this.id) {
      throw new RegistryError(
        'UNAVAILABLE',
        'The folder holds another blob store than expected: its marker entrepot-store.json differs. Is the right disk mounted?',
        { detail: { expected: this.id, found: id } },
      )
    }
    this.#verifiedAt = performance.now()
  }

  /** As `verify`, at most once a second. */
  async verifyNowAndThen(): Promise<void> {
    if (performance.now() - this.#verifiedAt >= trustMilliseconds) {
      await this.verify()
    }
  }
}

/**
 * The marker of the store in this folder. A folder that holds no store becomes one, durably,
 * unless a certain store is expected there. Throws UNAVAILABLE when it is not the one expected.
 */
export async function openMarker(layout: FileLayout, expectedId?: string): Promise<StoreMarker> {
  const id = expectedId ?? (await readMarker(layout.marker)) ?? (await createStore(layout))
  const marker = new StoreMarker(layout.marker, id)
  await marker.verify()
  return marker
}

async function createStore(layout: FileLayout): Promise<string> {
  await makeFolderTree(layout.root)
  await makeFolder(layout.uploads)
  await makeFolder(layout.blobs)
  if ((await readdir(layout.blobs)).length > 0) {
    throw new RegistryError(
      'UNAVAILABLE',
      'The folder holds blobs, but the marker entrepot-store.json is missing: put it back from a backup.',
    )
  }
  const id = randomUUID()
  const draft = `${layout.marker}.${id}`
  try {
    await writeDurably(
      draft,
      `${JSON.stringify({ kind: 'entrepot blob store', version: 1, id })}\n`,
    )
    await rename(draft, layout.marker)
  } finally {
    await rm(draft, { force: true })
  }
  await syncFolder(layout.root)
  // Another process may have been as quick: what is there now holds for both.
  return (await readMarker(layout.marker)) ?? id
}

async function readMarker(file: string): Promise<string | undefined> {
  const text = await unlessMissing(readFile(file, 'utf8'))
  return text === undefined ? undefined : parseMarker(text)
}

function parseMarker(text: string): string {
  const marker = parseJson(text)
  if (
    typeof marker === 'object' &&
    marker !== null &&
    'version' in marker &&
    marker.version === 1 &&
    'id' in marker &&
    typeof marker.id === 'string' &&
    marker.id !== ''
  ) {
    return marker.id
  }
  throw new RegistryError(
    'UNAVAILABLE',
    "The blob store's marker entrepot-store.json is damaged, or from a newer version.",
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

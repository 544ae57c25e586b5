import { mkdir, open } from 'node:fs/promises'
import path from 'node:path'
import { systemCode } from './file-errors.ts'

const mode = 0o700

/** A folder whose entries can be made durable. */
export class Folder {
  readonly path: string
  #last: Promise<void> = Promise.resolve()
  #waiting: Promise<void> | undefined

  constructor(folder: string) {
    this.path = folder
  }

  /**
   * Every entry made, renamed or removed before the call is on the disk. Calls that wait at the
   * same time share one fsync; one that is running already may have missed this caller's entry.
   */
  sync(): Promise<void> {
    if (this.#waiting === undefined) {
      const turn = this.#last.then(() => {
        this.#waiting = undefined
        return syncFolder(this.path)
      })
      this.#waiting = turn
      this.#last = turn.catch(() => undefined)
    }
    return this.#waiting
  }
}

/** Folders inside `parent`, each made when first asked for. */
export class Subfolders {
  readonly #parent: Folder
  readonly #durable = new Map<string, Promise<Folder>>()

  /** `known`: those that are there and durable already. */
  constructor(parent: Folder, known: readonly string[]) {
    this.#parent = parent
    for (const name of known) {
      this.#durable.set(name, Promise.resolve(new Folder(path.join(parent.path, name))))
    }
  }

  /** The folder of this name, itself durable. */
  ensure(name: string): Promise<Folder> {
    const known = this.#durable.get(name)
    if (known !== undefined) {
      return known
    }
    const made = this.#make(name).catch((error: unknown) => {
      this.forget(name)
      throw error
    })
    this.#durable.set(name, made)
    return made
  }

  /** It turned out to be gone: the next `ensure` makes it again. */
  forget(name: string): void {
    this.#durable.delete(name)
  }

  async #make(name: string): Promise<Folder> {
    const folder = path.join(this.#parent.path, name)
    await makeFolder(folder)
    // Even when it was there: whoever made it may have died before its fsync.
    await this.#parent.sync()
    return new Folder(folder)
  }
}

/** Makes a folder (mode 0700) in one that is there; one that exists is no error. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode })
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') {
      throw error
    }
  }
}

/** Makes a folder and those above it (mode 0700), all of them durable. */
export async function makeFolderTree(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode })
  // All the way up: an earlier start may have made some of them and died before their fsync.
  for (let above = path.dirname(folder); ; above = path.dirname(above)) {
    await syncForeignFolder(above)
    if (above === path.dirname(above)) {
      return
    }
  }
}

/** Makes the entries of a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Some network file systems have no such thing: there, an entry is durable when it is made.
    if (systemCode(error) !== 'EINVAL') {
      throw error
    }
  } finally {
    await handle.close()
  }
}

/** A folder that we may not read, or on a read-only file system, is not one that we made. */
async function syncForeignFolder(folder: string): Promise<void> {
  try {
    await syncFolder(folder)
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '')) {
      throw error
    }
  }
}

import fs, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../support/random.ts'
import type { DiskModel, Step } from './disk-model.ts'

export interface RecorderOptions {
  /** Only what is below it is recorded. */
  readonly root: string
  readonly disk: DiskModel
  /** Makes the disk slow now and then: what waits for it and what does not comes apart. */
  readonly random: Random
  /** An operation begins, or has ended: a moment for a cut. */
  readonly onMoment: (operation: string) => void
}

/** The last operations, oldest first, those under way with dots: for the report of a failure. */
export interface FileRecorder extends Disposable {
  readonly recent: readonly string[]
}

const remembered = 60
/** Reading leaves no trace. */
const harmless = ['access', 'lstat', 'opendir', 'readFile', 'readdir', 'realpath', 'stat', 'statfs']
const recorded = ['mkdir', 'open', 'rename', 'rm', 'unlink']

/**
 * Tells the model of everything that this thread does to files below a folder, by way of
 * `node:fs/promises`, whose functions it replaces until disposed of: the code under test stays as
 * it is. A function that could change files and is not known here throws.
 */
export function recordFiles(options: RecorderOptions): FileRecorder {
  const own = Object.fromEntries(
    Object.entries(fs).filter(([, member]) => typeof member === 'function'),
  ) as unknown as typeof fs
  const recent: { readonly text: string; end: string }[] = []
  const run: Run = async (text, step, work) => {
    const begun = step()
    const note = { text, end: ' …' }
    recent.push(note)
    if (recent.length > remembered) recent.shift()
    options.onMoment(text)
    try {
      await hesitate(options.random)
      const result = await work()
      await hesitate(options.random)
      begun.end()
      note.end = ''
      options.onMoment(text)
      return result
    } catch (error) {
      begun.fail()
      note.end = ' failed'
      throw error
    }
  }
  const context: Context = { ...options, own, run }
  Object.assign(fs, replacements(context), refusals(context))
  syncBuiltinESMExports()
  return {
    get recent() {
      return recent.map(({ text, end }) => text + end)
    },
    [Symbol.dispose]: () => {
      Object.assign(fs, own)
      syncBuiltinESMExports()
    },
  }
}

/** The step is taken when the operation begins. */
type Run = <T>(text: string, step: () => Step, work: () => Promise<T>) => Promise<T>

interface Context extends RecorderOptions {
  readonly own: typeof fs
  readonly run: Run
}

async function hesitate(random: Random): Promise<void> {
  if (random.chance(0.2)) await sleep(random.between(0, 4))
}

function isInside(root: string, file: unknown): file is string {
  return typeof file === 'string' && !path.relative(root, file).startsWith('..')
}

function replacements({ root, disk, own, run }: Context): Partial<typeof fs> {
  const short = (file: string) => path.relative(root, file)
  const unlink = (file: string, work: () => Promise<void>) =>
    run(`unlink ${short(file)}`, () => disk.unlink(file), work)
  return {
    open: async (file, flags, mode) => {
      if (!isInside(root, file)) return own.open(file, flags, mode)
      if (flags === 'r' || flags === undefined) {
        return recordHandle({ root, disk, run }, file, await own.open(file, flags, mode))
      }
      if (flags !== 'r+' && flags !== 'wx' && !(flags === 'w' && disk.find(file) === undefined)) {
        throw new Error(`the recorder cannot open with "${flags}": ${file}`)
      }
      const open = () => own.open(file, flags, mode)
      const handle =
        flags === 'r+'
          ? await open()
          : await run(`create ${short(file)}`, () => disk.create(file), open)
      return recordHandle({ root, disk, run }, file, handle)
    },
    rename: (from, to) => {
      if (!isInside(root, from) || !isInside(root, to)) return own.rename(from, to)
      const step = () => disk.rename(from, to)
      return run(`rename ${short(from)} ${short(to)}`, step, () => own.rename(from, to))
    },
    unlink: (file) =>
      isInside(root, file) ? unlink(file, () => own.unlink(file)) : own.unlink(file),
    rm: (file, how) =>
      isInside(root, file) ? unlink(file, () => own.rm(file, how)) : own.rm(file, how),
    mkdir: ((folder: string, how?: { recursive?: boolean }) => {
      if (!isInside(root, folder)) return own.mkdir(folder, how)
      const step = () => makeFolders(disk, how?.recursive ? missing(disk, folder) : [folder])
      return run(`mkdir ${short(folder)}`, step, () => own.mkdir(folder, how))
    }) as typeof fs.mkdir,
  }
}

/** The folder and those above it that are not there, the uppermost first. */
function missing(disk: DiskModel, folder: string): string[] {
  if (disk.find(folder) !== undefined) return []
  return [...missing(disk, path.dirname(folder)), folder]
}

/** What several `mkdir` in a row do; that the lower ones need the upper ones is kept by the path. */
function makeFolders(disk: DiskModel, folders: readonly string[]): Step {
  for (const folder of folders.slice(0, -1)) disk.makeFolder(folder).end()
  const last = folders.at(-1)
  return last === undefined
    ? { end: () => undefined, fail: () => undefined }
    : disk.makeFolder(last)
}

function recordHandle(
  { root, disk, run }: Pick<Context, 'root' | 'disk' | 'run'>,
  file: string,
  handle: FileHandle,
): FileHandle {
  const node = disk.find(file)
  // A file of somebody else's, such as the database's: not read through this model.
  if (node === undefined) return handle
  const short = path.relative(root, file)
  const own = {
    write: handle.write.bind(handle),
    writeFile: handle.writeFile.bind(handle),
    truncate: handle.truncate.bind(handle),
    sync: handle.sync.bind(handle),
    datasync: handle.datasync.bind(handle),
  }
  const fileNode = () => {
    if (node.kind === 'file') return node
    throw new Error(`${file} is a folder`)
  }
  const changes: Record<string, unknown> = {
    write: (bytes: Buffer, offset: number, length: number, position: number) =>
      run(
        `write ${short} at ${position}, ${length} bytes`,
        () => fileNode().write(bytes.subarray(offset, offset + length), position),
        async () => {
          const result = await own.write(bytes, offset, length, position)
          if (result.bytesWritten !== length) throw new Error('the recorder met a short write')
          return result
        },
      ),
    writeFile: (text: string) =>
      run(
        `write ${short}`,
        () => fileNode().write(Buffer.from(text), 0),
        () => own.writeFile(text),
      ),
    truncate: (length: number) =>
      run(
        `truncate ${short} to ${length}`,
        () => fileNode().truncate(length),
        () => own.truncate(length),
      ),
    sync: () => run(`fsync ${short}`, () => node.sync(), own.sync),
    datasync: () => run(`fdatasync ${short}`, () => node.sync(), own.datasync),
  }
  for (const name of ['appendFile', 'writev', 'chmod', 'utimes', 'createWriteStream']) {
    changes[name] = () => {
      throw new Error(`the recorder does not know FileHandle.${name}`)
    }
  }
  return Object.assign(handle, changes)
}

/** Whatever else could change files here would be a hole in the record. */
function refusals({ root, own }: Context): Record<string, unknown> {
  const others = Object.entries(own).filter(
    ([name, member]) =>
      typeof member === 'function' && !harmless.includes(name) && !recorded.includes(name),
  )
  return Object.fromEntries(
    others.map(([name, member]) => [
      name,
      (...parameters: unknown[]) => {
        if (parameters.some((parameter) => isInside(root, parameter))) {
          throw new Error(`the recorder does not know fs.${name}`)
        }
        return (member as (...parameters: unknown[]) => unknown)(...parameters)
      },
    ]),
  )
}

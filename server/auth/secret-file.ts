import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RegistryError } from '../domain/errors.ts'

export interface SecretFileOptions {
  /** In a folder that exists. */
  readonly file: string
  /** Of what `make` returns and of what is found. */
  readonly minLength: number
  readonly make: () => string
}

/**
 * The one line in the file; if there is no file, it is made, mode 0600, and on the disk before this
 * returns. Processes that race all get the line of the one that won. Throws INTERNAL, saying what
 * to do, for a file that everybody may read, is too short, or cannot be read or written.
 */
export async function readOrCreateSecretFile(options: SecretFileOptions): Promise<string> {
  try {
    return (await createSecretFile(options)) ?? (await readSecretFile(options))
  } catch (error) {
    if (error instanceof RegistryError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new RegistryError('INTERNAL', `${options.file} cannot be used: ${reason}`, {
      cause: error,
    })
  }
}

/** Puts a file's name on the disk, or its removal. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows neither can nor must do this.
  if (process.platform === 'win32') return
  await using handle = await open(folder, 'r')
  await handle.sync()
}

/** Undefined if the file is there already. */
async function createSecretFile({ file, make }: SecretFileOptions): Promise<string | undefined> {
  await using handle = await openNew(file)
  if (handle === undefined) return undefined
  const secret = make()
  await handle.writeFile(`${secret}\n`)
  await handle.sync()
  await syncFolder(path.dirname(file))
  return secret
}

async function openNew(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'wx', 0o600)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined
    throw error
  }
}

async function readSecretFile({ file, minLength }: SecretFileOptions): Promise<string> {
  const text = await readLine(file)
  if (text.length < minLength) {
    throw new RegistryError(
      'INTERNAL',
      `${file} is too short: ${text.length} characters, at least ${minLength} are needed. If no server has ever run with it (a first start was cut off), remove it.`,
    )
  }
  return text
}

/** Waits a moment for its writer, if another process is just making it. */
async function readLine(file: string): Promise<string> {
  await using handle = await open(file, 'r')
  const { mode } = await handle.stat()
  if (process.platform !== 'win32' && (mode & 0o007) !== 0) {
    throw new RegistryError(
      'INTERNAL',
      `${file} can be read by every user of this machine: run chmod 600 on it, and consider the secret known.`,
    )
  }
  let text = await textOf(handle)
  for (let tries = 0; tries < 5 && !text.endsWith('\n'); tries++) {
    await sleep(40)
    text = await textOf(handle)
  }
  // Whoever made it may not have got that far yet, and what is used must outlive a power cut.
  await handle.sync()
  await syncFolder(path.dirname(file))
  return text.trim()
}

async function textOf(handle: FileHandle): Promise<string> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(4096), 0, 4096, 0)
  return buffer.toString('utf8', 0, bytesRead)
}

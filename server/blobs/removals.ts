import { unlink } from 'node:fs/promises'
import { unlessMissing } from './file-errors.ts'

/** The rest of the process needs threads for its files too. */
const removalsAtOnce = 32

/** Removes files, a few at once. Returns whether all of them were there. */
export async function unlinkFiles(files: readonly string[]): Promise<boolean> {
  let wereThere = true
  for (let at = 0; at < files.length; at += removalsAtOnce) {
    const done = await Promise.all(files.slice(at, at + removalsAtOnce).map(unlinkFile))
    wereThere &&= !done.includes(false)
  }
  return wereThere
}

/** Whether the file was there. */
async function unlinkFile(file: string): Promise<boolean> {
  const done = await unlessMissing(unlink(file).then(() => true))
  return done === true
}

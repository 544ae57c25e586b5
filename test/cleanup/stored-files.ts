import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { sha256 } from '../support/registry-client.ts'

/** All files of blobs and uploads in the store of a data folder. */
export function storedFiles(dataDir: string): string[] {
  return ['blobs', 'uploads']
    .flatMap((folder) =>
      readdirSync(path.join(dataDir, 'store', folder), { recursive: true, withFileTypes: true }),
    )
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
}

/** As `du --apparent-size` counts files. */
export function storedBytes(dataDir: string): number {
  return storedFiles(dataDir).reduce((sum, file) => sum + statSync(file).size, 0)
}

/** Where the bytes with this digest are. */
export function fileOf(dataDir: string, digest: string): string {
  const found = storedFiles(dataDir).find((file) => sha256(readFileSync(file)) === digest)
  if (found === undefined) throw new Error(`no file has ${digest}`)
  return found
}

/** In a new file: the old one may be open. */
export function flipByte(file: string): void {
  const bytes = readFileSync(file)
  bytes[7] = (bytes[7] ?? 0) ^ 1
  rmSync(file)
  writeFileSync(file, bytes)
}

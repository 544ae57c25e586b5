import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { copySqlite } from './sqlite-copy.ts'

/** So many of the last ones stay. */
const keptCopies = 3

/**
 * Copies a database beside itself before it is upgraded, as `upgrades/<name>.at-<migration>`: by the
 * last migration that it has, so that an upgrade which fails time and again makes one copy. Returns
 * the file. Throws as `copySqlite`.
 */
export function keepUpgradeCopy(file: string, lastMigration: string): string {
  const folder = folderOf(file)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const copy = path.join(folder, `${path.basename(file)}.at-${lastMigration}`)
  copySqlite(file, copy)
  for (const old of listUpgradeCopies(file).slice(keptCopies)) rmSync(old, { force: true })
  return copy
}

/** Files, the newest first. */
export function listUpgradeCopies(file: string): string[] {
  const folder = folderOf(file)
  const start = `${path.basename(file)}.at-`
  return namesIn(folder)
    .filter((name) => name.startsWith(start) && !name.endsWith('.draft'))
    .map((name) => path.join(folder, name))
    .map((copy) => ({ copy, at: statSync(copy, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((one, other) => other.at - one.at || (other.copy > one.copy ? 1 : -1))
    .map(({ copy }) => copy)
}

function folderOf(file: string): string {
  return path.join(path.dirname(file), 'upgrades')
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'

/** An outside program that some tests need. */
export interface Need {
  readonly program: string
  /** The Debian package that has it. */
  readonly package: string
  /** Folders to look into besides `PATH`. */
  readonly folders?: readonly string[]
  /** Arguments of a call that must end with 0, when being there is not enough. */
  readonly probe?: readonly string[]
}

export interface Found {
  readonly skip: boolean
  /** For the name of a skipped test: what is missing and the command that installs it. */
  readonly reason: string
  /** The program's full path; empty when it is missing. */
  readonly file: string
}

/**
 * Looks for an outside program: `describe.skipIf(found.skip)(...)`, with `found.reason` in the
 * name. With `ENTREPOT_TEST_REQUIRE=all` a missing program throws, so that the test file fails.
 */
export function needs(need: Need): Found {
  const file = findProgram(need)
  if (file !== undefined && answers(file, need.probe)) {
    return { skip: false, reason: '', file }
  }
  const reason = `needs ${need.program}: apt-get install ${need.package}`
  if (process.env.ENTREPOT_TEST_REQUIRE === 'all') {
    throw new Error(`This test ${reason}`)
  }
  return { skip: true, reason, file: '' }
}

function findProgram(need: Need): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...(need.folders ?? [])]
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => path.join(folder, need.program))
    .find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function answers(file: string, probe: readonly string[] | undefined): boolean {
  if (probe === undefined) {
    return true
  }
  try {
    execFileSync(file, probe, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runSuccessfully } from './command.ts'

const sources = [
  ...['server', 'contract', 'web', 'package.json', 'package-lock.json', 'tsconfig.json'],
  ...['vite.config.ts', 'vite.server.config.ts'],
]
const stampFile = 'node_modules/.entrepot-build'
const lockFolder = 'node_modules/.entrepot-build.lock'
const staleAfterSeconds = 360

/** The project's own folder. */
export const projectFolder = path.resolve(import.meta.dirname, '../..')

let built: Promise<string> | undefined

/**
 * The path of the built command line. `dist/` is brought up to date once a run: whoever comes
 * first builds, the others wait. What is edited during the run waits for the next one.
 */
export function buildServer(): Promise<string> {
  built ??= bringUpToDate()
  return built
}

async function bringUpToDate(): Promise<string> {
  const main = path.join(projectFolder, 'dist/server/start.cjs')
  await using _lock = await takeLock()
  const startedAt = new Date()
  if (modifiedAt(main) === 0 || newestSource() > modifiedAt(path.join(projectFolder, stampFile))) {
    await runSuccessfully('npm', ['run', '--silent', 'build'], {
      cwd: projectFolder,
      timeoutSeconds: 300,
    })
    // What was edited while the compiler ran is newer than this.
    writeFileSync(path.join(projectFolder, stampFile), '')
    utimesSync(path.join(projectFolder, stampFile), startedAt, startedAt)
  }
  return main
}

async function takeLock(): Promise<AsyncDisposable> {
  const folder = path.join(projectFolder, lockFolder)
  for (;;) {
    try {
      mkdirSync(folder)
      return { [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }) }
    } catch {
      if (Date.now() - modifiedAt(folder) > staleAfterSeconds * 1000) {
        rmSync(folder, { recursive: true, force: true })
      }
      await sleep(50)
    }
  }
}

function newestSource(): number {
  const files = sources.flatMap((source) => {
    const whole = path.join(projectFolder, source)
    const found = statSync(whole, { throwIfNoEntry: false })
    if (found === undefined) return []
    if (!found.isDirectory()) return [whole]
    return readdirSync(whole, { recursive: true, encoding: 'utf8' })
      .filter((file) => !/\.(test|suite)\.tsx?$/.test(file))
      .map((file) => path.join(whole, file))
  })
  return Math.max(...files.map(modifiedAt))
}

function modifiedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

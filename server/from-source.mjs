// For threads of a server that runs from its TypeScript source. A loader that translates each module
// costs a thread half a second at its start; put together once for the process, it costs a tenth.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { threadId } from 'node:worker_threads'

const folder = path.resolve(import.meta.dirname, '../node_modules/.cache/entrepot-threads')
const keptMs = 24 * 3_600_000

/** What the module of this text exports; it lies in `server/`, and may import TypeScript. */
export async function importFromSource(text) {
  // A process of the same number, at another time, may have been of another source.
  const began = Math.round(Date.now() / 1000 - process.uptime())
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  const file = path.join(folder, `${process.pid}-${began}-${hash}.mjs`)
  if (!existsSync(file)) await putTogether(text, file)
  return await import(pathToFileURL(file).href)
}

async function putTogether(text, file) {
  mkdirSync(folder, { recursive: true })
  forgetOld()
  const { build } = await import('esbuild')
  const outfile = `${file}.${threadId}`
  // Packages that are CommonJS ask for node's own modules by it.
  const require = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)`
  await build({
    stdin: { contents: text, resolveDir: import.meta.dirname, loader: 'ts' },
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', keepNames: true },
    ...{ external: ['@photostructure/sqlite'], outfile, logLevel: 'error' },
    banner: { js: require },
  })
  renameSync(outfile, file)
}

function forgetOld() {
  for (const name of readdirSync(folder)) {
    const file = path.join(folder, name)
    const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? {}
    if (mtimeMs !== undefined && Date.now() - mtimeMs > keptMs) rmSync(file, { force: true })
  }
}

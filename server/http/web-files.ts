import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/** One built file, as it is and compressed. */
export interface WebFile {
  readonly type: string
  readonly etag: string
  /** By content coding; `identity` always. */
  readonly bodies: ReadonlyMap<Coding, Buffer>
}

export type Coding = 'br' | 'gzip' | 'identity'

/** The built pages. */
export interface WebFiles {
  /** The page that every address begins with; its placeholders are not filled in yet. */
  readonly index: string
  /** By address: `/assets/main-1a2b3c4d.js`. */
  readonly assets: ReadonlyMap<string, WebFile>
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}
const suffixes: Readonly<Record<Coding, string>> = { br: '.br', gzip: '.gz', identity: '' }

/** Where the build puts them: beside the built server, or below the project's folder. */
export const builtWebFolder = path.resolve(
  import.meta.dirname,
  import.meta.filename.endsWith('.ts') ? '../../dist/web' : '../web',
)

/** Reads them all, 1 to 2 MB; undefined when nothing is built. Nothing else is ever served. */
export async function readWebFiles(folder: string): Promise<WebFiles | undefined> {
  const index = await readFile(path.join(folder, 'index.html'), 'utf8').catch(absent)
  if (index === undefined) return undefined
  const names = await readdir(path.join(folder, 'assets'))
  const known = names.filter((name) => path.extname(name) in types)
  const assets = known.map(async (name) => {
    return [`/assets/${name}`, await readWebFile(path.join(folder, 'assets', name))] as const
  })
  return { index, assets: new Map(await Promise.all(assets)) }
}

async function readWebFile(file: string): Promise<WebFile> {
  const bodies = new Map<Coding, Buffer>()
  for (const coding of ['br', 'gzip'] as const) {
    const body = await readFile(`${file}${suffixes[coding]}`).catch(absent)
    if (body !== undefined) bodies.set(coding, body)
  }
  const plain = await readFile(file)
  bodies.set('identity', plain)
  const etag = createHash('sha256').update(plain).digest('base64url').slice(0, 22)
  return { type: types[path.extname(file)] ?? '', etag, bodies }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}

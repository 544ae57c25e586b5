import { constants } from 'node:fs'
import { access, readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { layoutOf } from '../blobs/file-layout.ts'
import { type Finding, failure, ok, reasonOf, skipped, warning } from './finding.ts'
import type { Patient } from './patient.ts'

const name = 'folders'
/** Of what one folder holds, so many are looked at: all of them have the same owner, or the first few show. */
const mostEntries = 500
const mostNamed = 5

interface Entry {
  readonly file: string
  readonly uid: number
  readonly mode: number
  readonly isFolder: boolean
}

/**
 * Whether the user whom the server runs as owns, and may use, what it keeps. Run by root it cannot
 * be tried, so owner and mode are what counts.
 */
export async function checkFolders(patient: Patient): Promise<Finding[]> {
  const { dataDir } = patient.config
  const top = await stat(dataDir).catch((error: unknown) => error as Error)
  if (top instanceof Error) {
    return [
      failure(
        name,
        `The data folder ${dataDir} cannot be looked at: ${reasonOf(top)}`,
        'Say where the server keeps its data: --data-dir or ENTREPOT_DATA_DIR.',
      ),
    ]
  }
  if (process.platform === 'win32') return [skipped(name, 'This system has other rights.')]
  const entries = [
    { file: dataDir, uid: top.uid, mode: top.mode, isFolder: true },
    ...(await listEntries(dataDir)),
  ]
  const uid = patient.serverUid ?? serverUserOf(entries)
  for (const root of storeFoldersOf(patient)) {
    const layout = layoutOf(root)
    for (const folder of [root, layout.blobs, layout.uploads]) {
      entries.push(...(await listEntries(folder)))
    }
    entries.push(...(await listShards(layout.blobs)))
  }
  return judge(entries, { uid, dataDir, foreign: await listForeign(entries, uid) })
}

/**
 * Whoever looks, unless that is root: commands beside the server run as its user. Else whoever owns
 * most of what is there: a single file may be what a command of root's has left.
 */
function serverUserOf(entries: readonly Entry[]): number {
  const own = process.getuid?.() ?? 0
  if (own !== 0) return own
  const counts = new Map<number, number>()
  for (const { uid } of entries) counts.set(uid, (counts.get(uid) ?? 0) + 1)
  const [most] = [...counts].sort((a, b) => b[1] - a[1])
  return most?.[0] ?? 0
}

/** What belongs to others, but for what this process may use, by its group, as the server's user. */
async function listForeign(entries: readonly Entry[], uid: number): Promise<Entry[]> {
  const foreign = entries.filter((entry) => entry.uid !== uid)
  if (uid === 0 || process.getuid?.() !== uid) return foreign
  const usable = await Promise.all(
    foreign.map(({ file }) =>
      access(file, constants.R_OK | constants.W_OK).then(
        () => true,
        () => false,
      ),
    ),
  )
  return foreign.filter((_, at) => usable[at] !== true)
}

function judge(
  entries: readonly Entry[],
  of: { readonly uid: number; readonly dataDir: string; readonly foreign: readonly Entry[] },
): Finding[] {
  const { uid, dataDir, foreign } = of
  const unusable = entries.filter((entry) => entry.uid === uid && lacksOwnRights(entry))
  const isRoot = uid === 0
  const findings: Finding[] = []
  if (foreign.length > 0) {
    const told = `${nameSome(foreign)} belong${foreign.length === 1 ? 's' : ''} to another user (${[...new Set(foreign.map((each) => each.uid))].join(', ')}) than the one whom the server runs as (${uid})`
    const remedy = `Run chown -R ${uid} ${dataDir} (and of folders of stores elsewhere). Run commands beside the server as its user, not as root.`
    // Root may use what belongs to others; everybody else may not.
    findings.push(
      isRoot ? warning('owner', `${told}.`, remedy) : failure('owner', `${told}.`, remedy),
    )
  }
  if (unusable.length > 0 && !isRoot) {
    findings.push(
      failure(
        'mode',
        `Their owner may not read and write ${nameSome(unusable)}.`,
        `Run chmod -R u+rwX ${dataDir}.`,
      ),
    )
  }
  const open = entries.find(({ file, mode }) => file === dataDir && (mode & 0o002) !== 0)
  if (open !== undefined) {
    findings.push(
      warning(
        'mode',
        `Everybody on this machine may write into ${dataDir} (mode ${(open.mode & 0o777).toString(8)}).`,
        `chmod 700 ${dataDir}`,
      ),
    )
  }
  if (findings.length > 0) return findings
  return [ok(name, `${entries.length} files and folders belong to user ${uid}, who may use them.`)]
}

function lacksOwnRights({ mode, isFolder }: Entry): boolean {
  const needed = isFolder ? 0o700 : 0o600
  return (mode & needed) !== needed
}

function nameSome(entries: readonly Entry[]): string {
  const named = entries.slice(0, mostNamed).map(({ file }) => file)
  const more = entries.length - named.length
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ')
}

/** Folders of stores, those in the data folder too, whether the database knows them or not. */
export function storeFoldersOf({ config, data }: Patient): string[] {
  const standard = path.join(config.dataDir, 'store')
  if (!('db' in data)) return [standard]
  const known = data.stores.list().filter(({ type }) => type === 'disk')
  return [...new Set([standard, ...known.map((each) => each.name)])]
}

async function listEntries(folder: string): Promise<Entry[]> {
  const names = await readdir(folder).catch(() => [])
  const entries = await Promise.all(
    names.slice(0, mostEntries).map(async (each) => {
      const file = path.join(folder, each)
      const found = await stat(file).catch(() => undefined)
      if (found === undefined) return []
      return [{ file, uid: found.uid, mode: found.mode, isFolder: found.isDirectory() }]
    }),
  )
  return entries.flat()
}

const mostShards = 16

/** Of the finished blobs, those in a few of the folders that they are spread over. */
async function listShards(blobs: string): Promise<Entry[]> {
  const shards = (await readdir(blobs).catch(() => [])).slice(0, mostShards)
  return (await Promise.all(shards.map((shard) => listEntries(path.join(blobs, shard))))).flat()
}

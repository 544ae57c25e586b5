import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { seededRandom } from '../support/random.ts'
import { pushUntilKilled } from './actions.ts'
import { DiskModel } from './disk-model.ts'
import type { Losses } from './disk-node.ts'
import { recordFiles } from './file-recorder.ts'
import { beginLife, type History, nextDataDir, openHere } from './history.ts'
import { cloneLedger, type Ledger } from './ledger.ts'
import type { Life } from './life.ts'

/** A data folder as a power cut left it, and what had been promised by then. */
export interface Cut {
  readonly dataDir: string
  readonly ledger: Ledger
  /** Empty when nobody had a token yet. */
  readonly authorization: string
  readonly losses: Losses
  /** For the report of a failure. */
  readonly story: readonly string[]
}

/** The next operation of this kind, begun or ended, after so many operations; any, if none comes soon. */
export interface Moment {
  readonly after: number
  /** Empty: any. */
  readonly kind: string
}

export interface Moments {
  /** One while the server starts, if it comes to that. */
  readonly start: Moment
  /** While clients push, in order; the last one ends the life. */
  readonly pushing: readonly Moment[]
}

/** So many operations a cut waits for one of its kind. */
const patience = 150
const databaseFile = /^(entrepot\.db(-wal|-shm)?|.*\.lock)$/

/**
 * One life of the server on the history's data folder, cut several times: each cut is what the
 * disk could hold at that moment, and the database as it had committed by then. The last one is
 * where the history goes on. Throws when operations on the files escaped the record.
 */
export async function liveAndCut(history: History, moments: Moments): Promise<Cut[]> {
  const { dataDir } = history
  const disk = new DiskModel(history.folder)
  if (existsSync(dataDir)) addTree(disk, history.folder, dataDir)
  const cuts: Cut[] = []
  let waiting: readonly Moment[] = [moments.start]
  let life: Life | undefined
  let count = 0
  const onMoment = (operation: string) => {
    count += 1
    const [next, ...later] = waiting
    if (next === undefined || count < next.after) return
    if (count < next.after + patience && !operation.startsWith(next.kind)) return
    waiting = later
    const isLast = life !== undefined && later.length === 0
    if (isLast && life !== undefined) endLife(life)
    cuts.push(cutNow({ history, disk, isLast, story: recorder.recent }))
  }
  const onError = (line: string) => {
    // Requests whose clients are gone may meet a database that is closed.
    if (life?.killed !== true) history.ledger.faults.push(`logged: ${line}`)
  }
  const random = seededRandom(history.random.between(0, 2 ** 32 - 1))
  const recorder = recordFiles({ root: history.folder, disk, random, onMoment })
  try {
    await using app = await openHere(history, dataDir, onError)
    const begun = await beginLife(history, app)
    count = 0
    waiting = moments.pushing
    life = begun
    await Promise.all(history.pushers.map((pusher) => pushUntilKilled(pusher, begun)))
    await app.drain()
  } finally {
    recorder[Symbol.dispose]()
  }
  history.ledger.faults.push(...compare(disk, history))
  const last = cuts.at(-1)
  if (last !== undefined) history.dataDir = last.dataDir
  return cuts
}

/** No answer is heard any more. */
function endLife(life: Life): void {
  life.killed = true
  life.agent.destroy()
}

interface CutSource {
  readonly history: History
  readonly disk: DiskModel
  readonly isLast: boolean
  readonly story: readonly string[]
}

/** Everything in one go, so that nothing happens in between. */
function cutNow({ history, disk, isLast, story }: CutSource): Cut {
  const dataDir = nextDataDir(history)
  const { files, losses } = disk.cut(history.random)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const name = path.basename(history.dataDir)
  for (const [file, content] of files) {
    const target = path.join(dataDir, path.relative(name, file))
    if (content === null) mkdirSync(target, { recursive: true, mode: 0o700 })
    else writeFileSync(target, content, { mode: 0o600 })
  }
  copyDatabase(history.dataDir, dataDir)
  return {
    dataDir,
    // Its clients go on from here with what they were told.
    ledger: isLast ? history.ledger : cloneLedger(history.ledger),
    authorization: history.authorization,
    losses,
    story,
  }
}

/** Every commit so far, whether its caller has heard of it or not. */
function copyDatabase(from: string, to: string): void {
  const file = path.join(from, 'entrepot.db')
  if (!existsSync(file)) return
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    database.exec(`vacuum into '${path.join(to, 'entrepot.db')}'`)
  } finally {
    database.close()
  }
  writeFileSync(path.join(to, 'entrepot.db-wal'), '')
}

function addTree(disk: DiskModel, root: string, folder: string): void {
  for (const [file, content] of readTree(root, folder)) disk.add(path.join(root, file), content)
}

/** Paths below `root` with their content, null for folders; not the database's own. */
function readTree(root: string, folder: string): [string, Buffer | null][] {
  const inside = readdirSync(folder).filter((name) => !databaseFile.test(name))
  return [
    [path.relative(root, folder), null],
    ...inside.flatMap((name): [string, Buffer | null][] => {
      const file = path.join(folder, name)
      if (statSync(file).isDirectory()) return readTree(root, file)
      return [[path.relative(root, file), readFileSync(file)]]
    }),
  ]
}

/** The record is whole when it tells the same of every file as the disk does. */
function compare(disk: DiskModel, { folder, dataDir }: History): string[] {
  const real = new Map(readTree(folder, dataDir))
  const model = disk.now()
  const faults = [...real.keys()]
    .filter((file) => !model.has(file))
    .map((file) => `the record does not know ${file}`)
  for (const [file, content] of model) {
    const found = real.get(file)
    if (found === undefined) faults.push(`the record has ${file}, which is not there`)
    else if (content !== null && found?.equals(content) !== true) {
      faults.push(`the record has other bytes in ${file}`)
    }
  }
  return faults
}

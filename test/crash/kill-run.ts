import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFeed, setFeed } from '../support/admin.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { basicAuthorization } from '../support/registry-client.ts'
import type { StoreUnderTest } from '../support/store-under-test.ts'
import { pushUntilKilled } from './actions.ts'
import { type Check, checkPromises } from './checks.ts'
import { checkDisk } from './disk.ts'
import { lifeOf, logIn, repositories } from './history.ts'
import { makeLayerPool } from './layers.ts'
import { count, type Ledger, makeLedger } from './ledger.ts'
import type { Life } from './life.ts'
import { makePusher, type Pusher } from './pusher.ts'

/** One data folder, served by a process that is killed again and again while clients push. */
export interface KillRun extends AsyncDisposable {
  readonly ledger: Ledger
  /** From each start of the process to its first answer. */
  readonly readySeconds: number[]
  /** What the time went into. */
  readonly spentMs: Map<string, number>
  /** Kills the server at some moment, and looks at what it left: at all of it, or what is new. */
  readonly kill: (whole: boolean) => Promise<void>
  /** A stop as an operator does it. */
  readonly stop: () => Promise<number | NodeJS.Signals>
}

const clients = 6
/** At every kill, so many old promises of each repository are looked at besides what is new. */
const oldOnes = 10
const mostAnswers = 300
/** Logging in costs more than most lives: a token, good for five minutes, serves a few of them. */
const tokenSeconds = 20
const slowestAnswersSeconds = 10
const settingsArriveMs = 1500

/** `store`: where the images are kept; undefined: on the disk, which is looked at too. */
export async function beginKillRun(
  folder: string,
  seed: number,
  store?: StoreUnderTest,
): Promise<KillRun> {
  const dataDir = path.join(folder, 'data')
  const random = seededRandom(seed)
  const ledger = makeLedger(repositories)
  const pool = makeLayerPool(seed)
  const pushers = Array.from({ length: clients }, (_, number) =>
    makePusher(number, { random: seededRandom(seed + number + 1), ledger, pool }),
  )
  const hashed = new Set<string>()
  let authorization = ''
  let renewAt = 0
  const readySeconds: number[] = []
  const spentMs = new Map<string, number>()
  const timed = async <T>(what: string, work: () => T | Promise<T>): Promise<T> => {
    const startedAt = performance.now()
    const result = await work()
    spentMs.set(what, (spentMs.get(what) ?? 0) + performance.now() - startedAt)
    return result
  }
  let server = await startProcess({ dataDir })
  await createFeed(dataDir, 'other')
  await store?.use(server.url, ['main', 'other'])
  for (const feed of ['main', 'other']) await setFeed(dataDir, feed, ['--tag-deletion', 'on'])
  await sleep(settingsArriveMs)

  async function kill(whole: boolean): Promise<void> {
    if (performance.now() > renewAt) {
      authorization = await logIn(server.url)
      renewAt = performance.now() + tokenSeconds * 1000
    }
    const life = lifeOf(server.url, authorization)
    await timed('pushing', () => pushAndKill({ server, life, pushers, ledger, random }))
    if (store === undefined) {
      await timed('looking at the disk', () => {
        const scratch = path.join(folder, 'scratch')
        ledger.faults.push(...checkDisk({ dataDir, scratch, hashed, whole }))
      })
    }
    server = await timed('starting', () => startProcess({ dataDir, port: server.port }))
    readySeconds.push(server.readySeconds)
    const pickOld: Check['pickOld'] = (digests) =>
      digests.length === 0 ? [] : Array.from({ length: oldOnes }, () => random.pick(digests))
    // A token outlives the server that gave it, but perhaps not a look at everything.
    const next = lifeOf(
      server.url,
      whole ? basicAuthorization('Admin', adminPassword) : authorization,
    )
    await timed('asking the server', () => checkPromises({ ledger, pushers, whole, pickOld }, next))
    next.agent.destroy()
    count(ledger, 'kills')
  }

  return {
    ledger,
    readySeconds,
    spentMs,
    kill,
    stop: () => server.stop(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

interface Attack {
  readonly server: ServerProcess
  readonly life: Life
  readonly pushers: readonly Pusher[]
  readonly ledger: Ledger
  readonly random: Random
}

async function pushAndKill({ server, life, pushers, ledger, random }: Attack): Promise<void> {
  const work = Promise.all(pushers.map((pusher) => pushUntilKilled(pusher, life)))
  await someMoment(random, life, ledger)
  life.killed = true
  await server.kill('SIGKILL')
  await work
  life.agent.destroy()
}

/**
 * Some time after some answers: a moment counted in seconds alone would come, on a busy machine,
 * before anything has happened. A fault ends the wait.
 */
async function someMoment(random: Random, life: Life, ledger: Ledger): Promise<void> {
  const answers = random.between(1, mostAnswers)
  const deadline = performance.now() + slowestAnswersSeconds * 1000
  while (life.answers < answers && ledger.faults.length === 0 && performance.now() < deadline) {
    await sleep(1)
  }
  await sleep(random.between(0, 40))
}

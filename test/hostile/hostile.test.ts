import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { checkDisk } from '../crash/disk.ts'
import { type ServerProcess, startProcess } from '../support/process.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { type Conversation, makeConversation } from './conversations.ts'
import { talk } from './talk.ts'
import { judge } from './verdict.ts'
import { type Bystander, collectsWhenTold, type Holding, readHolding, standBy } from './watch.ts'
import { makeWorld, readSecret, renewTokens, type World } from './world.ts'

/** In a shorter run the heap is still on its way to what it needs, which looks like a leak. */
const seconds = Number(process.env.ENTREPOT_TEST_HOSTILE_SECONDS ?? 120)
/** With a number of requests the time does not count. */
const wanted = Number(process.env.ENTREPOT_TEST_REQUESTS ?? Number.NaN)
const seed = Number(process.env.ENTREPOT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
/** Runs one conversation alone and prints it. */
const only = Number(process.env.ENTREPOT_TEST_ONLY ?? Number.NaN)
const atOnce = 16
/** Beside those: they take their time. */
const slowAtOnce = 60
const mostFaults = 5
const mostShown = 2
/** Of a request or an answer; `--only` shows more. */
const shownCharacters = Number.isNaN(only) ? 300 : 20_000
const warmUp = 0.4
const growthBytes = 64 * 1024 * 1024
const moreDescriptors = 24
const renewEveryMs = 120_000
const mostRenewals = 60
const slowestPullMs = 15_000

test(
  `withstands hostile requests (seed ${seed})`,
  async () => {
    await using folder = makeTemporaryFolder('hostile')
    const dataDir = path.join(folder.path, 'data')
    await using server = await startProcess({ dataDir, nodeOptions: collectsWhenTold })
    const world = await makeWorld(server)
    const before = readHolding(server.pid)
    const attack = new Attack(world, server)
    const bystander = await pulledMeanwhile(world, server, () => attack.run())
    report(attack, bystander)
    expect(attack.faults, `seed ${seed}`).toEqual([])
    expect(bystander.faults).toEqual([])
    expect(Math.max(...bystander.pullMs)).toBeLessThan(slowestPullMs)
    expect(await readSecret(world)).toBe(200)
    if (Number.isNaN(only)) await expectFlat(server, before, bystander.holdings)
    expect(await server.stop()).toBe(0)
    expect(complaintsIn(server.logFile)).toEqual([])
    const scratch = path.join(folder.path, 'scratch')
    expect(checkDisk({ dataDir, scratch, hashed: new Set(), whole: true })).toEqual([])
  },
  180_000 + (Number.isNaN(wanted) ? seconds * 2000 : wanted * 20),
)

async function pulledMeanwhile(
  world: World,
  server: ServerProcess,
  work: () => Promise<void>,
): Promise<Bystander> {
  await using bystander = standBy(world, server.pid)
  await work()
  return bystander
}

class Attack {
  readonly faults: string[] = []
  readonly statuses = new Map<number, number>()
  requests = 0
  conversations = 0
  #world: World
  readonly #server: ServerProcess
  readonly #end: number
  readonly #slow = new Set<Promise<void>>()

  constructor(world: World, server: ServerProcess) {
    this.#world = world
    this.#server = server
    this.#end = performance.now() + seconds * 1000
  }

  async run(): Promise<void> {
    if (!Number.isNaN(only)) {
      const conversation = makeConversation(seed, only, this.#world)
      await this.#hold({ ...conversation, patienceMs: 1000 }, true)
      return
    }
    const renewal = setInterval(() => void this.#renew(), renewEveryMs)
    await Promise.all(Array.from({ length: atOnce }, () => this.#work()))
    await Promise.all(this.#slow)
    clearInterval(renewal)
  }

  async #work(): Promise<void> {
    while (!this.#isOver()) {
      const conversation = makeConversation(seed, this.conversations, this.#world)
      this.conversations += 1
      const takesTime = conversation.manner === 'slow' || conversation.manner === 'left lying'
      if (!takesTime) {
        await this.#hold(conversation)
      } else if (this.#slow.size < slowAtOnce) {
        const held = this.#hold(conversation)
        this.#slow.add(held)
        void held.finally(() => this.#slow.delete(held))
      }
    }
  }

  /** Who shares an address with somebody who guesses has to wait as well: tokens last long enough. */
  async #renew(): Promise<void> {
    for (let tries = 1; !this.#isOver(); tries += 1) {
      try {
        this.#world = await renewTokens(this.#world)
        return
      } catch (error) {
        const isTold = /: 429 instead of 200/.test(String(error))
        if (!isTold || tries === mostRenewals) {
          this.faults.push(`no new token: ${String(error)}`)
          return
        }
        await sleep(1000)
      }
    }
  }

  #isOver(): boolean {
    if (this.faults.length >= mostFaults || this.#server.exitCode() !== undefined) return true
    return Number.isNaN(wanted) ? performance.now() > this.#end : this.requests >= wanted
  }

  async #hold(conversation: Conversation, prints = false): Promise<void> {
    try {
      const heard = await talk(this.#server.port, conversation)
      this.requests += heard.sentRequests
      for (const { status } of heard.replies) {
        this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
      }
      const faults = judge(this.#world, conversation, heard)
      if ((faults.length > 0 && this.faults.length < mostShown) || prints) {
        this.#tell(conversation, `${faults.join('; ')}\nanswers: ${show(heard.raw)}`)
      }
      if (faults.length > 0) this.faults.push(`conversation ${conversation.number}: ${faults}`)
    } catch (error) {
      this.faults.push(`conversation ${conversation.number}: ${String(error)}`)
    }
  }

  #tell({ number, caller, manner, messages }: Conversation, what: string): void {
    const sent = messages.map(({ bytes }) => show(bytes)).join('\n')
    process.stdout.write(
      `conversation ${number} of seed ${seed} (npm run test:hostile -- --seed ${seed} --only ${number}), ` +
        `as ${caller.name}, ${manner}:\n${sent}\n${what}\n`,
    )
  }
}

function show(bytes: Buffer): string {
  const text = JSON.stringify(bytes.toString('latin1'))
  return text.length > shownCharacters
    ? `${text.slice(0, shownCharacters)}… (${bytes.byteLength} bytes)`
    : text
}

/** When the clients are gone, so is what they took; and it was not more and more all the time. */
async function expectFlat(
  server: ServerProcess,
  before: Holding,
  holdings: readonly Holding[],
): Promise<void> {
  await sleep(3000)
  const after = readHolding(server.pid)
  expect(after.descriptors).toBeLessThan(before.descriptors + moreDescriptors)
  const warm = holdings.slice(Math.floor(holdings.length * warmUp))
  const quarter = Math.max(1, Math.floor(warm.length / 4))
  const early = median(warm.slice(0, quarter).map(({ residentBytes }) => residentBytes))
  const late = median(warm.slice(-quarter).map(({ residentBytes }) => residentBytes))
  process.stdout.write(
    `memory: ${mebibytes(before.residentBytes)} before, ${mebibytes(early)} warm, ` +
      `${mebibytes(late)} at the end; descriptors: ${before.descriptors} before, ` +
      `${Math.max(...holdings.map(({ descriptors }) => descriptors))} at most, ${after.descriptors} after\n`,
  )
  expect(late).toBeLessThan(early * 1.25 + growthBytes)
}

/** Every client has left: what is still running at the end has been forgotten. */
function complaintsIn(logFile: string): string[] {
  const lines = readFileSync(logFile, 'utf8').split('\n')
  return lines.filter(
    (line) =>
      line.includes('requests were cut') ||
      !/^(|Entrepot listens on .*|\{"level":"(info|warn)".*)$/.test(line),
  )
}

function report({ requests, conversations, statuses }: Attack, { pullMs }: Bystander): void {
  const sorted = [...statuses].sort(([one], [other]) => one - other)
  process.stdout.write(
    `${requests} hostile requests in ${conversations} conversations (seed ${seed}); answers: ` +
      `${sorted.map(([status, times]) => `${times} x ${status}`).join(', ')}; ` +
      `${pullMs.length} plain pulls meanwhile, median ${Math.round(median(pullMs))} ms, ` +
      `slowest ${Math.round(Math.max(...pullMs))} ms\n`,
  )
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other)
  return sorted[sorted.length >> 1] ?? 0
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`
}

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { newContent } from '../contents.ts'
import { watchLoop } from '../loop-delay.ts'
import { formatSize, type Row, type Sample, scaled } from '../row.ts'
import { type OpenTarget, openEntrepot, openPeer, scopeOf, type Target } from '../servers.ts'
import { timeAll } from '../timing.ts'
import { pushInPatch } from '../uploads.ts'

const repository = 'main/bench/memory'
const layers = 10
const layerBytes = 1 << 30
/** What the start needed is given back by then. */
const restMs = 3000

/** Resident memory of a server that was started and left alone. */
export const memoryIdle: Row = {
  name: 'memory-idle',
  title: () => 'resident memory, idle',
  unit: 'MB',
  better: 'less',
  aims: [{ figure: 'value', relation: '<=', bound: 130 }],
  maxRounds: 3,
  async prepare({ options }) {
    const rest = async (opening: Promise<OpenTarget>): Promise<Sample> => {
      await using server = await opening
      await sleep(restMs)
      return { value: residentMb(server, 'VmRSS') }
    }
    return {
      // Not its first start, which makes tables and hashes a password.
      entrepot: () => rest(openEntrepot(options, () => {})),
      'docker-registry': () => rest(openPeer(options)),
    }
  },
}

/** The most memory that a new server needed while large layers came in together. */
export const memoryPush: Row = {
  name: 'memory-push',
  title: (options) =>
    `most memory while ${layers} x ${formatSize(scaled(layerBytes, options))} are pushed`,
  unit: 'MB',
  better: 'less',
  aims: [{ figure: 'value', relation: '<=', bound: 250 }],
  maxRounds: 1,
  async prepare({ options }) {
    const contents = Array.from({ length: layers }, () => newContent(scaled(layerBytes, options)))
    const push = async (server: Target): Promise<Sample> => {
      using client = await server.openClient([scopeOf(repository)])
      const { seconds } = await timeAll(contents, layers, (content) =>
        pushInPatch(client, repository, content),
      )
      const bytes = layers * scaled(layerBytes, options)
      return {
        value: residentMb(server, 'VmHWM'),
        besides: { mibPerSecond: bytes / 2 ** 20 / seconds },
      }
    }
    return {
      entrepot: async () => {
        await using server = await openEntrepot(options)
        return await watchLoop(server, () => push(server))
      },
      'docker-registry': async () => {
        await using server = await openPeer(options)
        return await push(server)
      },
    }
  },
}

/** `VmRSS` is now, `VmHWM` the most since the start. Linux only, as Debian's registry is. */
function residentMb({ pid }: Target, what: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kibibytes = new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
  if (kibibytes === undefined) throw new Error(`no ${what} of process ${pid}`)
  return (Number(kibibytes) * 1024) / 1e6
}

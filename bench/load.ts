import { runSuccessfully } from '../test/support/command.ts'
import { needs } from '../test/support/require.ts'
import type { Sample } from './row.ts'
import { askOverSockets, type SocketLoad } from './sockets.ts'

/** `accept` is what clients say they understand: without it the peer finds no OCI manifest. */
export type Load = Omit<SocketLoad, 'method'>

const unitsMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 }

/** GETs one URL over and over; replies a second. `wrk` asks where it is installed. */
export async function measureGets(load: Load): Promise<Sample> {
  const wrk = needs({ program: 'wrk', package: 'wrk' })
  return wrk.skip ? askOverSockets({ ...load, method: 'GET' }) : askWithWrk(wrk.file, load)
}

/** The same with HEAD, after whose replies `wrk` would wait for a body. */
export async function measureHeads(load: Load): Promise<Sample> {
  return askOverSockets({ ...load, method: 'HEAD' })
}

async function askWithWrk(wrk: string, load: Load): Promise<Sample> {
  const authorization =
    load.authorization === undefined ? [] : ['--header', `Authorization: ${load.authorization}`]
  const output = await runSuccessfully(wrk, [
    ...['--latency', '--threads', '1', '--connections', `${load.connections}`],
    ...['--duration', `${Math.ceil(load.seconds)}s`],
    ...['--header', `Accept: ${load.accept}`],
    ...authorization,
    load.url,
  ])
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]
  if (rate === undefined || /Non-2xx|Socket errors/.test(output)) {
    throw new Error(`${load.url} did not answer every request:\n${output}`)
  }
  return {
    value: Number(rate),
    p99Ms: latencyMs(output, 99),
    besides: { p50Ms: latencyMs(output, 50) },
  }
}

function latencyMs(output: string, percent: number): number {
  const [, time, unit = ''] =
    new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(\\w+)\\s*$`, 'm').exec(output) ?? []
  const factor = unitsMs[unit]
  if (time === undefined || factor === undefined) throw new Error(`no ${percent} % in:\n${output}`)
  return Number(time) * factor
}

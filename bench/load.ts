import http from 'node:http'
import { runSuccessfully } from '../test/support/command.ts'
import { ask, expectStatus } from '../test/support/registry-client.ts'
import { needs } from '../test/support/require.ts'

export interface Load {
  readonly url: string
  readonly authorization: string | undefined
  /** What clients say they understand: without it the peer finds no OCI manifest. */
  readonly accept: string
  readonly connections: number
  readonly seconds: number
}

/** GETs one URL over and over; returns replies a second. `wrk` asks where it is installed. */
export async function measureGets(load: Load): Promise<number> {
  const wrk = needs({ program: 'wrk', package: 'wrk' })
  return wrk.skip ? askOurselves(load) : askWithWrk(wrk.file, load)
}

async function askWithWrk(wrk: string, load: Load): Promise<number> {
  const authorization =
    load.authorization === undefined ? [] : ['--header', `Authorization: ${load.authorization}`]
  const output = await runSuccessfully(wrk, [
    ...['--threads', '1', '--connections', `${load.connections}`],
    ...['--duration', `${Math.ceil(load.seconds)}s`],
    ...['--header', `Accept: ${load.accept}`],
    ...authorization,
    load.url,
  ])
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]
  if (rate === undefined || /Non-2xx|Socket errors/.test(output)) {
    throw new Error(`${load.url} did not answer every request:\n${output}`)
  }
  return Number(rate)
}

async function askOurselves(load: Load): Promise<number> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: load.connections })
  const { url } = load
  const headers = { accept: load.accept }
  const client = {
    url,
    agent,
    ...(load.authorization !== undefined && { authorization: load.authorization }),
  }
  const startedAt = performance.now()
  const until = startedAt + load.seconds * 1000
  let replies = 0
  const keepAsking = async () => {
    while (performance.now() < until) {
      const reply = await ask(client, { method: 'GET', path: url, headers, discardBody: true })
      expectStatus(reply, 200, `GET ${url}`)
      replies += 1
    }
  }
  await Promise.all(Array.from({ length: load.connections }, keepAsking))
  agent.destroy()
  return replies / ((performance.now() - startedAt) / 1000)
}

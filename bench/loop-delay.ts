import { adminPassword } from '../test/support/process.ts'
import { basicAuthorization } from '../test/support/registry-client.ts'
import type { Sample } from './row.ts'
import type { Target } from './servers.ts'

const gauge = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m

/**
 * The delay of Entrepot's event loop while something runs. Each reading of its metrics tells of
 * the time since the one before. Node counts the 10 ms of its own timer with it.
 */
export async function watchLoop(target: Target, run: () => Promise<Sample>): Promise<Sample> {
  await readDelayMs(target)
  const sample = await run()
  return { ...sample, loopDelayP99Ms: await readDelayMs(target) }
}

async function readDelayMs({ url }: Target): Promise<number> {
  const headers = { authorization: basicAuthorization('Admin', adminPassword) }
  const text = await (await fetch(`${url}/metrics`, { headers })).text()
  const seconds = gauge.exec(text)?.[1]
  if (seconds === undefined) throw new Error(`${url}/metrics tells no delay: ${text.slice(0, 500)}`)
  return Number(seconds) * 1000
}

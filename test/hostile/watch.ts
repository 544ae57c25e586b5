import { readdirSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, sha256 } from '../support/registry-client.ts'
import type { Plain, World } from './world.ts'

/** What a process holds. */
export interface Holding {
  readonly residentBytes: number
  readonly descriptors: number
}

export function readHolding(pid: number): Holding {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const residentKibibytes = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN)
  return {
    residentBytes: residentKibibytes * 1024,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  }
}

/** What nobody holds any more is no growth: how much of it lies about depends on the machine's pace. */
export const collectsWhenTold: readonly string[] = [
  '--expose-gc',
  '--import',
  'data:text/javascript,process.on("SIGUSR2", () => gc())',
]

/** Somebody who just pulls, while all that goes on. */
export interface Bystander extends AsyncDisposable {
  readonly pullMs: readonly number[]
  readonly faults: readonly string[]
  readonly holdings: readonly Holding[]
}

const pauseMs = 50
const watchEveryMs = 1000

/**
 * Pulls an image and a larger layer again and again, and looks every second at the process, which
 * collects its garbage then.
 */
export function standBy(world: World, pid: number): Bystander {
  const pullMs: number[] = []
  const faults: string[] = []
  const holdings: Holding[] = []
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  let stopped = false
  const timer = setInterval(() => {
    holdings.push(readHolding(pid))
    process.kill(pid, 'SIGUSR2')
  }, watchEveryMs)
  const pulling = (async () => {
    while (!stopped) {
      const start = performance.now()
      try {
        await pull(world, agent)
        pullMs.push(performance.now() - start)
      } catch (error) {
        faults.push(`a plain pull: ${String(error)}`)
      }
      await sleep(pauseMs)
    }
  })()
  return {
    pullMs,
    faults,
    holdings,
    [Symbol.asyncDispose]: async () => {
      stopped = true
      clearInterval(timer)
      await pulling
      agent.destroy()
    },
  }
}

async function pull({ host, plain }: World, agent: http.Agent): Promise<void> {
  const client = { url: `http://${host}`, authorization: plain.authorization, agent }
  for (const { path, digest } of contentOf(plain)) {
    const reply = await ask(client, { method: 'GET', path })
    if (reply.status !== 200) throw new Error(`${reply.status} for ${path}`)
    if (sha256(reply.body) !== digest) throw new Error(`other bytes in ${path}`)
  }
}

function contentOf({ name, image, layer }: Plain): { path: string; digest: string }[] {
  const blobs = [...image.blobs, layer].map(({ digest }) => ({
    path: `/v2/${name}/blobs/${digest}`,
    digest,
  }))
  return [{ path: `/v2/${name}/manifests/latest`, digest: image.manifest.digest }, ...blobs]
}

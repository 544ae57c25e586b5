import http from 'node:http'
import { type Ask, ask, type Reply } from '../support/registry-client.ts'

export interface World {
  readonly url: string
  readonly authorization: string
  readonly agent: http.Agent
  readonly graceMs: number
  /** `feed/repository`. */
  readonly repositories: readonly string[]
  /** What must not be, in words. */
  readonly faults: string[]
  readonly counts: Map<string, number>
}

export function openWorld(
  of: Pick<World, 'url' | 'authorization' | 'graceMs' | 'repositories'>,
): World {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 })
  return { ...of, agent, faults: [], counts: new Map() }
}

export function count(world: World, what: string, by = 1): void {
  world.counts.set(what, (world.counts.get(what) ?? 0) + by)
}

/** Sends a request; an answer with another status than these is an error. */
export async function demand(world: World, what: Ask, statuses: readonly number[]): Promise<Reply> {
  const reply = await ask(world, what)
  if (statuses.includes(reply.status)) return reply
  const body = reply.body.toString().slice(0, 300)
  throw new Error(`${what.method} ${what.path}: ${reply.status}, not ${statuses}: ${body}`)
}

/** A request to the management API; its JSON. */
export async function manage<T>(world: World, method: string, path: string): Promise<T> {
  const reply = await demand(world, { method, path }, [200])
  return JSON.parse(reply.body.toString()) as T
}

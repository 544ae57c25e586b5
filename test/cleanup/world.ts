import http from 'node:http'
import { type Ask, ask, type Reply } from '../support/registry-client.ts'

export interface World {
  readonly url: string
  readonly authorization: string
  agent: http.Agent
  /** Set just before the server is killed: from then on a broken connection is no fault. */
  killed: boolean
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
  return { ...of, agent: newAgent(), killed: false, faults: [], counts: new Map() }
}

export function newAgent(): http.Agent {
  return new http.Agent({ keepAlive: true, maxSockets: 64 })
}

/** The server is gone: whoever asked stops where it is. */
export class ServerGone extends Error {
  override readonly name = 'ServerGone'
}

export function count(world: World, what: string, by = 1): void {
  world.counts.set(what, (world.counts.get(what) ?? 0) + by)
}

/** Sends a request; an answer with another status than these is an error. */
export async function demand(world: World, what: Ask, statuses: readonly number[]): Promise<Reply> {
  if (world.killed) throw new ServerGone(what.path)
  const reply = await ask(world, what).catch((cause: unknown) => {
    if (world.killed) throw new ServerGone(what.path)
    throw new Error(`${what.method} ${what.path}: no answer`, { cause })
  })
  if (!reply.complete && world.killed) throw new ServerGone(what.path)
  if (statuses.includes(reply.status)) return reply
  const body = reply.body.toString().slice(0, 300)
  throw new Error(`${what.method} ${what.path}: ${reply.status}, not ${statuses}: ${body}`)
}

/** A request to the management API; its JSON. */
export async function manage<T>(world: World, method: string, path: string): Promise<T> {
  const reply = await demand(world, { method, path }, [200])
  return JSON.parse(reply.body.toString()) as T
}

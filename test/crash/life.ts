import type http from 'node:http'
import { type Ask, ask, type Reply } from '../support/registry-client.ts'

/** One life of the server, as its clients know it. */
export interface Life {
  readonly url: string
  readonly authorization: string
  readonly agent: http.Agent
  /** Set just before the server is killed: from then on a broken connection is no fault. */
  killed: boolean
  /** So many answers were heard. */
  answers: number
}

/** The server is gone: the client stops where it is. */
export class ServerGone extends Error {
  override readonly name = 'ServerGone'
}

/** Sends a request and insists on one of these statuses. */
export async function demand(life: Life, what: Ask, statuses: readonly number[]): Promise<Reply> {
  if (life.killed) throw new ServerGone('before the request')
  const reply = await ask(life, what).catch((cause: unknown) => {
    if (life.killed) throw new ServerGone('before an answer')
    throw new Error(`${what.method} ${what.path}: no answer`, { cause })
  })
  life.answers += 1
  if (!statuses.includes(reply.status)) {
    const body = reply.body.toString().slice(0, 300)
    throw new Error(`${what.method} ${what.path}: ${reply.status}, not ${statuses}: ${body}`)
  }
  return reply
}

/** Insists on the digest that an answer names. */
export function expectDigest(reply: Reply, digest: string): void {
  const named = reply.headers['docker-content-digest']
  if (named !== digest) throw new Error(`the answer names ${named}, not ${digest}`)
}

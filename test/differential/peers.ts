import path from 'node:path'
import { startDistribution } from '../support/distribution.ts'
import { startServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { type Answer, send, type WireRequest } from '../support/wire.ts'
import type { Step } from './steps.ts'

export interface Peer {
  readonly url: string
  /** Empty for a registry that asks nobody who is calling. */
  readonly authorization: string
}

/** Both registries, empty. */
export interface Peers extends AsyncDisposable {
  readonly distribution: Peer
  readonly entrepot: Peer
}

/** `program` is the path of `docker-registry`. */
export async function startPeers(program: string): Promise<Peers> {
  const folder = makeTemporaryFolder('differential')
  const distribution = await startDistribution(program, path.join(folder.path, 'distribution'))
  const server = await startServer()
  return {
    distribution: { url: distribution.url, authorization: '' },
    entrepot: { url: server.url, authorization: server.admin },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await distribution[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** Stands for the status of an answer that ended before its announced length. */
export const brokenOff = 0
const empty = Buffer.alloc(0)

/** One registry's side of a scenario: what later steps refer to differs between the two. */
export class Conversation {
  readonly #peer: Peer
  readonly #known: Map<string, string>

  constructor(peer: Peer, repository: string) {
    this.#peer = peer
    this.#known = new Map([['repo', repository]])
  }

  async ask(step: Step): Promise<Answer> {
    const [method = '', target = ''] = this.#fill(step.request).split(' ')
    const { authorization } = this.#peer
    const answer = await this.#send({
      method,
      target,
      headers: { ...(authorization !== '' && { authorization }), ...step.headers },
      ...(step.body !== undefined && { body: step.body }),
      ...(step.chunked !== undefined && { chunked: step.chunked }),
    })
    this.#remember(answer, step.keep)
    return answer
  }

  async #send(request: WireRequest): Promise<Answer> {
    try {
      return await send(this.#peer.url, request)
    } catch (error) {
      if (!(error instanceof Error) || error.message !== 'aborted') throw error
      return { status: brokenOff, headers: {}, rawHeaders: [], body: empty, continued: false }
    }
  }

  #remember({ headers }: Answer, keep: string | undefined) {
    if (headers.location === undefined) return
    const { pathname, search } = new URL(headers.location, this.#peer.url)
    this.#known.set('location', pathname + search)
    if (keep !== undefined) this.#known.set(keep, pathname + search)
  }

  #fill(text: string): string {
    return text.replace(/\$([a-z]+)(\?)?/g, (_, name: string, mark = '') => {
      const value = this.#known.get(name)
      if (value === undefined) throw new Error(`nothing before this step is called $${name}`)
      return value + (mark === '?' && value.includes('?') ? '&' : mark)
    })
  }
}

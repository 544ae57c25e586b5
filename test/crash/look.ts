import { type Reply, sha256 } from '../support/registry-client.ts'
import type { Ledger } from './ledger.ts'
import { demand, type Life } from './life.ts'

/** One look at a server with nobody else about. */
export interface Look {
  readonly ledger: Ledger
  readonly life: Life
  /** Paths that were read in this look, and hashed right. */
  readonly read: Set<string>
}

export interface Content {
  readonly kind: 'blobs' | 'manifests'
  readonly repository: string
  readonly digest: string
}

const atOnce = 12

export function pathOf({ kind, repository, digest }: Content): string {
  return `/v2/${repository}/${kind}/${digest}`
}

/** Reads what may be there; whatever is there has to hash right. */
export async function read(
  look: Look,
  content: Content,
  statuses: readonly number[],
): Promise<Reply> {
  const path = pathOf(content)
  const reply = await demand(look.life, { method: 'GET', path }, statuses)
  if (reply.status !== 200) return reply
  if (sha256(reply.body) !== content.digest) {
    throw new Error(`GET ${path}: other bytes, ${reply.bodyBytes} of them`)
  }
  look.read.add(path)
  return reply
}

/** Does it for all of them, several at once. A failure is a fault in the ledger. */
export async function forEach<T>(
  { ledger }: Look,
  items: Iterable<T>,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const rest = [...items].values()
  const worker = async () => {
    for (const item of rest) {
      await act(item).catch((error: unknown) => {
        ledger.faults.push(error instanceof Error ? error.message : String(error))
      })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

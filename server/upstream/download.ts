import { setTimeout as sleep } from 'node:timers/promises'
import type { RegistryClient, UpstreamBlob } from './client.ts'
import { asUpstreamError } from './connections.ts'
import { UpstreamError } from './upstream-error.ts'

/** A blob on its way from another registry. */
export interface Download {
  /** Null: the registry does not say. */
  readonly sizeBytes: number | null
  /** Read once, to its end or until the signal fires. Throws UpstreamError. */
  chunks(signal: AbortSignal): AsyncGenerator<Uint8Array>
}

/** Attempts that bring nothing, one after another. */
const maxIdleAttempts = 4
const pauseMs = 200

/**
 * Begins a download, at `start` if something is there already. A connection that breaks is followed by another one that goes on where it
 * broke; nothing here looks at what the bytes hash to. Throws UpstreamError when it cannot begin.
 */
export async function openDownload(
  client: RegistryClient,
  name: string,
  digest: string,
  start = 0,
): Promise<Download> {
  const first = await client.openBlob(name, digest, start)
  return {
    sizeBytes: first.sizeBytes,
    chunks: (signal) => chunksOf({ client, name, digest, start }, first, signal),
  }
}

interface Source {
  readonly client: RegistryClient
  readonly name: string
  readonly digest: string
  /** The first byte that is wanted. */
  readonly start: number
}

async function* chunksOf(
  source: Source,
  first: UpstreamBlob,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { sizeBytes } = first
  let at = source.start
  let idleAttempts = 0
  for (let blob: UpstreamBlob | undefined = first; ; blob = undefined) {
    const before = at
    try {
      const open = blob ?? (await reopen(source, sizeBytes, at))
      for await (const chunk of bytesFrom(open, at, signal)) {
        at += chunk.byteLength
        yield chunk
      }
      if (isWhole(source, sizeBytes, at)) return
    } catch (error) {
      signal.throwIfAborted()
      idleAttempts = at > before ? 0 : idleAttempts + 1
      const failure = asUpstreamError(error, source.client.host)
      if (!mayGoOn(failure, sizeBytes, idleAttempts)) throw failure
      await sleep(pauseMs * 2 ** idleAttempts, undefined, { signal })
    }
  }
}

/** Throws UpstreamError while something is missing, or when there is too much. */
function isWhole({ client, digest }: Source, sizeBytes: number | null, at: number): true {
  if (sizeBytes === null || at === sizeBytes) return true
  if (at < sizeBytes) {
    throw new UpstreamError('unavailable', `${client.host} sent only a part of ${digest}.`)
  }
  throw new UpstreamError(
    'malformed',
    `${client.host} sends more than the ${sizeBytes} bytes that it announced for ${digest}.`,
  )
}

/** Where a blob has no known length, its end cannot be told from a break. */
function mayGoOn({ fault }: UpstreamError, sizeBytes: number | null, idleAttempts: number) {
  return fault === 'unavailable' && sizeBytes !== null && idleAttempts < maxIdleAttempts
}

async function reopen(
  { client, name, digest }: Source,
  sizeBytes: number | null,
  at: number,
): Promise<UpstreamBlob> {
  const blob = await client.openBlob(name, digest, at)
  if (blob.sizeBytes === sizeBytes) return blob
  blob.answer.destroy()
  throw new UpstreamError(
    'malformed',
    `${client.host} says that ${digest} has ${blob.sizeBytes} bytes; before it said ${sizeBytes}.`,
  )
}

/** From `at` on: a registry that knows no ranges begins anew. */
async function* bytesFrom(
  { answer, start }: UpstreamBlob,
  at: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stop = () => answer.destroy()
  signal.addEventListener('abort', stop)
  try {
    signal.throwIfAborted()
    let skip = at - start
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      const rest = chunk.subarray(Math.min(skip, chunk.byteLength))
      skip -= chunk.byteLength - rest.byteLength
      if (rest.byteLength > 0) yield rest
    }
  } finally {
    signal.removeEventListener('abort', stop)
    answer.destroy()
  }
}

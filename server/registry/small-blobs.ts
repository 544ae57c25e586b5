import type { Stores } from './stores.ts'

interface Located {
  readonly storeId: number
  readonly location: string
  readonly sizeBytes: number
}

/**
 * A blob's whole text; the caller has looked at its size. Undefined when its bytes are missing or
 * short. Throws UNAVAILABLE when the store cannot be reached.
 */
export async function readSmallBlob(
  stores: Stores,
  { storeId, location, sizeBytes }: Located,
): Promise<string | undefined> {
  const reader = await stores.get(storeId).open(location)
  if (reader === undefined) return undefined
  try {
    if (reader.sizeBytes !== sizeBytes) return undefined
    if (sizeBytes === 0) return ''
    const pieces: Buffer[] = []
    // A piece is valid until the next one is asked for.
    for await (const piece of reader.read(0, sizeBytes - 1)) pieces.push(Buffer.from(piece))
    return Buffer.concat(pieces).toString('utf8')
  } finally {
    await reader[Symbol.asyncDispose]()
  }
}

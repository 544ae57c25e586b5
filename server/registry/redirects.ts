import { isWithin } from './networks.ts'
import type { Stores } from './stores.ts'

/** How long a signed address is good. */
export const presignedSeconds = 900

/**
 * An address of the store itself, signed, that a client may be sent to for a blob that was just
 * found whole; null: it is to be served from here.
 */
export async function findRedirect(
  stores: Stores,
  { storeId, location }: { readonly storeId: number; readonly location: string },
  clientAddress: string,
): Promise<string | null> {
  const found = stores.find(storeId)
  if (!found?.redirect || isWithin(found.redirect.except, clientAddress)) return null
  return (await found.store.presign?.(location, presignedSeconds)) ?? null
}

import type { Identity } from '../../auth/authenticate.ts'
import type { BlobReader } from '../../blobs/blob-store.ts'
import { mayAct } from '../../domain/permission.ts'
import type { BlobTransfer } from '../../registry/connectors/blob-transfer.ts'
import type { Asker } from '../../registry/connectors/pull-through.ts'
import { subjectOf } from '../../registry/feeds.ts'

/** What comes from another feed needs the same rights there; the token's scope names this one only. */
export function askerOf({ principal }: Identity): Asker {
  return {
    mayPull: ({ feed, repository }) => mayAct(principal, 'pull', subjectOf(feed, repository)),
  }
}

/** Of something older than it should be (RFC 7234, 5.5); clients show it. */
export function warningHeader(text: string | null): Record<string, string> {
  return text === null ? {} : { warning: warningValue(text) }
}

/** To who has pushed to where little room is left. */
export function warningHeaders(texts: readonly string[]): Record<string, readonly string[]> {
  return texts.length === 0 ? {} : { warning: texts.map(warningValue) }
}

/** RFC 7234, 5.5: a quoted string. */
function warningValue(text: string): string {
  return `299 - "${text.replace(/["\\]/g, '\\$&')}"`
}

/** A blob that is still on its way, to be read as one that is here. Undefined: it has gone by. */
export async function readerOf(transfer: BlobTransfer): Promise<BlobReader | undefined> {
  if (!transfer.join()) return undefined
  try {
    const sizeBytes = await transfer.size()
    // There is no last byte to wait for.
    if (sizeBytes === 0) await transfer.done()
    return {
      sizeBytes,
      read: (start, end) => transfer.follow(start, end),
      [Symbol.asyncDispose]: () => transfer.leave(),
    }
  } catch (error) {
    await transfer.leave()
    throw error
  }
}

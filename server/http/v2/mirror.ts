import { may, type Principal } from '../../domain/permission.ts'
import { type Feed, type Feeds, subjectOf } from '../../registry/feeds.ts'
import type { Exchange } from './exchange.ts'

/** An address without a registry of this server, and where its images are instead. */
export interface Mirrored {
  /** `<feed>/<repository>` */
  readonly name: string
  /** What stands in the address, and so in the tokens of clients; null: the same. */
  readonly alias: string | null
}

/**
 * Clients that use this server in place of another registry ask for that one's names: containerd says
 * whose they are (`ns=`), Docker's `registry-mirrors` does not. Names that begin with a registry which
 * the caller may see are never anything else; a hidden one is as if it were not there.
 */
export function mirrored(
  feeds: Pick<Feeds, 'findKnown' | 'findKnownMirror'>,
  { exchange, principal }: { readonly exchange: Exchange; readonly principal: Principal },
  name: string,
): Mirrored {
  const asIs = { name, alias: null }
  const { method } = exchange.req
  if (method !== 'GET' && method !== 'HEAD') return asIs
  const mirror = feeds.findKnownMirror(exchange.query.get('ns')?.toLowerCase() ?? null)
  if (mirror === undefined || isVisible(feeds, principal, name)) return asIs
  return { name: `${mirror.key}/${name}`, alias: name }
}

/** Whether the name begins with a registry that the principal may see this in. */
export function isVisible(
  feeds: Pick<Feeds, 'findKnown'>,
  principal: Principal,
  name: string,
): boolean {
  const slash = name.indexOf('/')
  if (slash < 0) return false
  const feed: Feed | undefined = feeds.findKnown(name.slice(0, slash).toLowerCase())
  if (feed?.active !== true) return false
  return may(principal, 'Feeds_ViewFeed', subjectOf(feed, name.slice(slash + 1)))
}

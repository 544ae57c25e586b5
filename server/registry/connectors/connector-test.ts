import type { ConnectorRecord } from '../../db/connectors.ts'
import type { Db } from '../../db/database.ts'
import { UpstreamError, type UpstreamStep } from '../../upstream/upstream-error.ts'
import { listFeeds } from '../feeds.ts'
import type { AttachedConnectors } from './attached-connectors.ts'

/** What trying a connector showed. */
export interface ConnectorTrial {
  readonly ok: boolean
  /** Where it failed; null: nowhere. */
  readonly step: UpstreamStep | null
  readonly message: string
}

/**
 * Asks the registry whether it lets the connector in and, if a repository is named, into that. What
 * is known of earlier failures does not count: this is how one finds out whether they are over.
 */
export async function testConnector(
  { connectors, db }: { readonly connectors: AttachedConnectors; readonly db: Db },
  record: ConnectorRecord,
  repository: string | undefined,
): Promise<ConnectorTrial> {
  if (record.feedId !== null) return tryFeed(db, record.feedId)
  using upstream = connectors.openUpstream(record)
  const { client } = upstream
  try {
    await client.ping()
    if (repository === undefined || repository === '') {
      return { ok: true, step: null, message: `${client.host} is a registry and answers.` }
    }
    if (!upstream.allows(repository)) {
      return { ok: false, step: 'answer', message: `The filters block ${repository}.` }
    }
    const question = { operation: 'test', repository, item: 'tags/list' }
    const list = await upstream.ask(question, (each, name) => each.getList(name, 'tags/list?n=1'))
    return list === undefined
      ? {
          ok: false,
          step: 'answer',
          message: `${client.host} does not know ${repository}, or does not let the connector see it.`,
        }
      : { ok: true, step: null, message: `${client.host} answers, and has ${repository}.` }
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    return { ok: false, step: error.step, message: error.message }
  }
}

async function tryFeed(db: Db, feedId: number): Promise<ConnectorTrial> {
  const feed = (await listFeeds(db)).find(({ id }) => id === feedId)
  if (feed?.active) return { ok: true, step: null, message: 'It is a registry of this server.' }
  const message = feed
    ? `The registry ${feed.name} of this server is switched off: it answers nobody.`
    : 'The registry of this server is being deleted.'
  return { ok: false, step: 'answer', message }
}

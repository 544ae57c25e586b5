import type { ConnectorInfo, connectors as routes } from '../../../contract/connectors.ts'
import { connectorOf } from '../../registry/connectors/attached-connectors.ts'
import type { Connector } from '../../registry/connectors/connector.ts'
import { testConnector } from '../../registry/connectors/connector-test.ts'
import {
  type ConnectorInput,
  changeConnector,
  createConnector,
  getConnectorRecord,
  listConnectorNames,
  listConnectors,
  removeConnector,
} from '../../registry/connectors/connectors.ts'
import { listFeeds } from '../../registry/feeds.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { isoOf } from './place.ts'

type Body = Parameters<Handlers<typeof routes>['update']>[0]['body']

export function connectorHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { db, secrets, through } = deps
  const { connectors } = through
  const show = async (connector: Connector) => (await infosOf(deps, [connector]))[0] ?? never()
  return {
    list: async () => infosOf(deps, await listConnectors({ db })),
    get: async ({ params }) => show(connectorOf(await getConnectorRecord({ db }, params.name))),
    async create({ body }, { by }) {
      const input = { ...inputOf(body), name: body.name }
      return show(await createConnector({ db, secrets, connectors, by }, input))
    },
    async update({ params, body }, { by }) {
      return show(
        await changeConnector({ db, secrets, connectors, by }, params.name, inputOf(body)),
      )
    },
    async delete({ params }, { by }) {
      await removeConnector({ db, secrets, connectors, by }, params.name)
      return {}
    },
    async test({ body }) {
      const record = await getConnectorRecord({ db }, body.connector)
      return testConnector({ connectors, db }, record, body.repository)
    },
  }
}

function inputOf(body: Body): ConnectorInput {
  const { timeout, feedType, metadataCacheCount, metadataCacheEnabled, ...rest } = body
  const { metadataCacheMinutes, ...given } = rest
  const named = { ...given, ...(timeout !== undefined && { timeoutSeconds: timeout }) }
  const entries = Object.entries(named).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as ConnectorInput
}

async function infosOf(
  { db, through }: ApiDeps,
  connectors: readonly Connector[],
): Promise<ConnectorInfo[]> {
  const feeds = await listFeeds(db)
  const attached = await listConnectorNames({ db })
  return connectors.map((connector) => {
    const upstream = through.connectors.findUpstream(connector.id)
    const { lastError = null, budget = null } = upstream ?? {}
    return {
      ...targetOf(connector, feeds),
      name: connector.name,
      feedType: 'docker',
      enabled: connector.enabled,
      feeds: feeds
        .filter(({ id }) => attached.get(id)?.includes(connector.name))
        .map((feed) => feed.name),
      lastError: lastError && { at: isoOf(lastError.at), message: lastError.message },
      rateLimit: budget && { ...budget, at: isoOf(budget.at) },
    }
  })
}

const ofFeeds = {
  ...{ url: null, username: null, hasPassword: false, timeout: 0, filters: [] },
  ...{ caCertificate: null, allowPrivate: false, realmHosts: [], freshnessSeconds: 0 },
  libraryPrefix: false,
}

function targetOf(
  connector: Connector,
  feeds: readonly { readonly id: number; readonly name: string }[],
) {
  if (connector.kind === 'feed') {
    const feed = feeds.find(({ id }) => id === connector.feedId)
    return { ...ofFeeds, feed: feed?.name ?? null }
  }
  const { timeoutSeconds: timeout, filters, realmHosts, ...rest } = connector.settings
  const lists = { filters: [...filters], realmHosts: [...realmHosts] }
  return { ...rest, ...lists, timeout, feed: null, hasPassword: connector.hasPassword }
}

function never(): never {
  throw new Error('A connector has one description.')
}

import {
  type ConnectorRecord,
  deleteConnector,
  insertConnector,
  listAttachments,
  listConnectorRecords,
  updateConnector,
} from '../../db/connectors.ts'
import type { Db } from '../../db/database.ts'
import type { Actor } from '../../domain/actor.ts'
import {
  type ConnectorSettings,
  defaultSettings,
  listSettingProblems,
  normalUrl,
} from '../../domain/connector.ts'
import { RegistryError, refuseField } from '../../domain/errors.ts'
import { findFeed } from '../feeds.ts'
import type { Secrets } from '../stores.ts'
import { type AttachedConnectors, connectorOf, secretOwner } from './attached-connectors.ts'
import type { Connector } from './connector.ts'

/** A connector as an administrator gives it; what is absent is as it was, or at its default. */
export interface ConnectorInput extends Partial<Omit<ConnectorSettings, 'url'>> {
  readonly name?: string
  readonly enabled?: boolean
  /** Either of them: a registry elsewhere, or another feed of this server, by name. */
  readonly url?: string | null
  readonly feed?: string | null
  /** Null: none. */
  readonly password?: string | null
}

export interface ConnectorDeps {
  readonly db: Db
  readonly secrets: Secrets
  readonly connectors: AttachedConnectors
  readonly by: Actor
}

/** By name. */
export async function listConnectors({ db }: Pick<ConnectorDeps, 'db'>): Promise<Connector[]> {
  return (await listConnectorRecords(db.read)).map(connectorOf)
}

/** Throws NOT_FOUND. */
export async function getConnectorRecord(
  { db }: Pick<ConnectorDeps, 'db'>,
  name: string,
): Promise<ConnectorRecord> {
  const records = await listConnectorRecords(db.read)
  const record = records.find(({ key }) => key === name.toLowerCase())
  if (record !== undefined) return record
  throw new RegistryError('NOT_FOUND', `There is no connector "${name.slice(0, 100)}".`)
}

/** Throws INVALID_FIELDS with everything that is wrong, CONFLICT for a taken name. */
export async function createConnector(
  deps: ConnectorDeps,
  input: ConnectorInput & { readonly name: string },
): Promise<Connector> {
  const row = { ...nameOf(input.name), enabled: input.enabled ?? true }
  const target = await targetOf(deps, input, undefined)
  const secret = secretOf(deps, row, { input, target, before: undefined })
  await deps.db.write(insertConnector, { ...row, ...stored(target), secret, by: deps.by })
  await deps.connectors.reread()
  return connectorOf(await getConnectorRecord(deps, row.name))
}

/**
 * Throws as `createConnector`, or NOT_FOUND. Another server to send the stored password to is taken
 * only together with the password: who may change settings may not read it that way.
 */
export async function changeConnector(
  deps: ConnectorDeps,
  name: string,
  input: ConnectorInput,
): Promise<Connector> {
  const record = await getConnectorRecord(deps, name)
  const before = connectorOf(record)
  const row = { ...nameOf(input.name ?? record.name), enabled: input.enabled ?? record.enabled }
  const target = await targetOf(deps, input, before)
  const secret = secretOf(deps, row, { input, target, before: { record, connector: before } })
  const changed = Object.entries(input).flatMap(([field, value]) =>
    value === undefined ? [] : [field],
  )
  const { id } = record
  await deps.db.write(updateConnector, {
    id,
    ...row,
    ...stored(target),
    secret,
    changed,
    by: deps.by,
  })
  await deps.connectors.reread()
  return connectorOf(await getConnectorRecord(deps, row.name))
}

/** Whether there was one. What came through it stays. */
export async function removeConnector(deps: ConnectorDeps, name: string): Promise<boolean> {
  const records = await listConnectorRecords(deps.db.read)
  const record = records.find(({ key }) => key === name.toLowerCase())
  if (record === undefined) return false
  const removed = await deps.db.write(deleteConnector, { id: record.id, by: deps.by })
  await deps.connectors.reread()
  return removed
}

/** Names of each feed's connectors, in the order in which they are asked. */
export async function listConnectorNames({
  db,
}: Pick<ConnectorDeps, 'db'>): Promise<Map<number, string[]>> {
  const attachments = await listAttachments(db.read)
  const records = attachments.length === 0 ? [] : await listConnectorRecords(db.read)
  const names = new Map(records.map(({ id, name }) => [id, name]))
  const byFeed = new Map<number, string[]>()
  for (const { feedId, connectorId } of attachments) {
    const name = names.get(connectorId)
    if (name !== undefined) byFeed.set(feedId, [...(byFeed.get(feedId) ?? []), name])
  }
  return byFeed
}

type Target =
  | { readonly kind: 'registry'; readonly settings: ConnectorSettings }
  | { readonly kind: 'feed'; readonly feedId: number }

function stored(target: Target): { feedId: number | null; settings: string } {
  return target.kind === 'feed'
    ? { feedId: target.feedId, settings: '{}' }
    : { feedId: null, settings: JSON.stringify(target.settings) }
}

async function targetOf(
  { db }: Pick<ConnectorDeps, 'db'>,
  input: ConnectorInput,
  before: Connector | undefined,
): Promise<Target> {
  if (input.feed != null) {
    if (input.url != null) refuseField('feed', 'Give url or feed, not both.')
    const feed = await findFeed(db, input.feed)
    if (feed === undefined) refuseField('feed', `There is no registry "${input.feed}".`)
    refuseForFeed(input)
    return { kind: 'feed', feedId: feed.id }
  }
  if (before?.kind === 'feed' && input.url == null) {
    refuseForFeed(input)
    return { kind: 'feed', feedId: before.feedId }
  }
  const known = before?.kind === 'registry' ? before.settings : undefined
  const url = input.url ?? known?.url
  if (url === undefined)
    refuseField('url', 'Give the URL of a registry, or feed: one of this server.')
  const normal = normalUrl(url)
  const settings = settingsOf(input, { ...(known ?? defaultSettings(normal)), url: normal })
  const problems = listSettingProblems(settings)
  const [first] = problems
  if (first !== undefined) {
    throw new RegistryError('INVALID_FIELDS', first.message, { detail: problems })
  }
  return { kind: 'registry', settings }
}

/** Rights say who may pull from a registry of this server: a filter that does nothing would mislead. */
function refuseForFeed({ filters }: ConnectorInput): void {
  if (filters === undefined || filters.length === 0) return
  refuseField('filters', 'A registry of this server has no filters: leave them out.')
}

function settingsOf(input: ConnectorInput, base: ConnectorSettings): ConnectorSettings {
  return {
    url: base.url,
    username: input.username === undefined ? base.username : input.username || null,
    timeoutSeconds: input.timeoutSeconds ?? base.timeoutSeconds,
    filters: input.filters ?? base.filters,
    caCertificate: input.caCertificate === undefined ? base.caCertificate : input.caCertificate,
    allowPrivate: input.allowPrivate ?? base.allowPrivate,
    realmHosts: input.realmHosts ?? base.realmHosts,
    freshnessSeconds: input.freshnessSeconds ?? base.freshnessSeconds,
    libraryPrefix: input.libraryPrefix ?? base.libraryPrefix,
  }
}

interface SecretChange {
  readonly input: ConnectorInput
  readonly target: Target
  readonly before: { readonly record: ConnectorRecord; readonly connector: Connector } | undefined
}

function secretOf(
  { secrets }: Pick<ConnectorDeps, 'secrets'>,
  { name }: { readonly name: string },
  { input, target, before }: SecretChange,
): string | null {
  if (target.kind === 'feed' || target.settings.username === null) return null
  const { password } = input
  if (password === null) return null
  if (password !== undefined) return secrets.encrypt(password, secretOwner(name))
  const old = before?.record.secret ?? null
  if (before === undefined || old === null) return null
  const { connector, record } = before
  if (connector.kind === 'registry' && isElsewhere(connector.settings, target.settings)) {
    refuseField(
      'password',
      'Give it again: it would be sent elsewhere than before, or less safely.',
    )
  }
  return secrets.encrypt(secrets.decrypt(old, secretOwner(record.name)), secretOwner(name))
}

/** Whether a password could go to somebody else than before. */
function isElsewhere(before: ConnectorSettings, after: ConnectorSettings): boolean {
  const originOf = ({ url }: ConnectorSettings) => new URL(url).origin
  return (
    originOf(before) !== originOf(after) ||
    before.username !== after.username ||
    before.caCertificate !== after.caCertificate ||
    after.realmHosts.some((host) => !before.realmHosts.includes(host))
  )
}

function nameOf(name: string) {
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$/.test(name)) {
    refuseField(
      'name',
      'It must have 1 to 100 letters, digits, dots, dashes or underscores: it stands in addresses.',
    )
  }
  return { name, key: name.toLowerCase() }
}

import type { Db } from '../../db/database.ts'
import {
  type DirectoryRecord,
  deleteDirectory,
  insertDirectory,
  listDirectoryRecords,
  orderDirectories,
  updateDirectory,
} from '../../db/directories.ts'
import type { Actor } from '../../domain/actor.ts'
import { RegistryError, refuseField } from '../../domain/errors.ts'
import type { Encryption } from '../encrypted.ts'
import { secretOwner } from './enabled-directories.ts'
import { type LdapSettings, parseLdapSettings } from './ldap-settings.ts'
import { type OidcSettings, parseOidcSettings } from './oidc-settings.ts'

interface Info {
  readonly name: string
  /** Lower case: what stands in addresses. */
  readonly key: string
  readonly enabled: boolean
  /** Whether a bind password or client secret is stored; it is never shown. */
  readonly hasSecret: boolean
}

export type DirectoryInfo = Info &
  (
    | { readonly kind: 'ldap'; readonly settings: LdapSettings }
    | { readonly kind: 'oidc'; readonly settings: OidcSettings }
  )

/** A directory as an administrator gives it. */
export interface DirectoryInput {
  readonly kind: 'ldap' | 'oidc'
  readonly name: string
  readonly enabled: boolean
  /** Replaces all settings. */
  readonly settings: unknown
  /** Bind password or client secret; absent: as it is; null: none. */
  readonly secret?: string | null
}

interface Deps {
  readonly db: Db
  readonly encryption: Encryption
  readonly by: Actor
}

/** In the order in which they are asked. */
export async function listDirectories({ db }: Pick<Deps, 'db'>): Promise<readonly DirectoryInfo[]> {
  return (await listDirectoryRecords(db.read)).map(infoOf)
}

/** Throws NOT_FOUND. */
export async function getDirectory(deps: Pick<Deps, 'db'>, name: string): Promise<DirectoryInfo> {
  return infoOf(await getRecord(deps, name))
}

/** Throws INVALID_FIELDS with everything that is wrong with the settings, CONFLICT for a taken name. */
export async function createDirectory(
  { db, encryption, by }: Deps,
  input: DirectoryInput,
): Promise<DirectoryInfo> {
  const row = { kind: input.kind, ...nameOf(input), enabled: input.enabled }
  const settings = parseSettings(input.kind, input.settings)
  const secret = input.secret ?? null
  checkSecret(input.kind, settings, secret)
  await db.write(insertDirectory, {
    ...row,
    settings: JSON.stringify(settings),
    secret: secret && encryption.encrypt(secret, secretOwner(row)),
    by,
  })
  return await getDirectory({ db }, row.name)
}

/**
 * Throws as `createDirectory`, or NOT_FOUND. Another server to send the stored secret to is
 * accepted only together with the secret: who may change settings may not read it that way.
 */
export async function changeDirectory(
  { db, encryption, by }: Deps,
  name: string,
  input: DirectoryInput,
): Promise<DirectoryInfo> {
  const record = await getRecord({ db }, name)
  if (record.kind !== input.kind) refuseField('kind', 'The kind of a directory does not change.')
  const before = parseSettings(record.kind, JSON.parse(record.settings))
  const settings = parseSettings(input.kind, input.settings)
  const secret = input.secret === undefined ? readSecret(encryption, record) : input.secret
  const isMoved = destinationOf(before) !== destinationOf(settings)
  if (isMoved && input.secret === undefined && secret !== null) {
    refuseField('secret', 'Give it again: it would be sent to another server than before.')
  }
  checkSecret(input.kind, settings, secret)
  const row = { kind: record.kind, ...nameOf(input) }
  await db.write(updateDirectory, {
    id: record.id,
    ...nameOf(input),
    enabled: input.enabled,
    settings: JSON.stringify(settings),
    secret: secret && encryption.encrypt(secret, secretOwner(row)),
    changed: changesOf({ ...before, ...infoFields(record) }, { ...settings, ...infoFields(input) }),
    by,
  })
  return await getDirectory({ db }, input.name)
}

/** Asks the named ones first, in this order. Throws NOT_FOUND, naming it. */
export async function reorderDirectories(
  { db, by }: Pick<Deps, 'db' | 'by'>,
  names: readonly string[],
): Promise<void> {
  const records = await Promise.all(names.map((name) => getRecord({ db }, name)))
  await db.write(orderDirectories, { ids: records.map(({ id }) => id), by })
}

/** Whether there was one. Throws IN_USE while it has users here, unless they are to go with it. */
export async function removeDirectory(
  { db, by }: Pick<Deps, 'db' | 'by'>,
  name: string,
  options: { readonly withUsers: boolean } = { withUsers: false },
): Promise<boolean> {
  const records = await listDirectoryRecords(db.read)
  const record = records.find(({ key }) => key === name.toLowerCase())
  if (record === undefined) return false
  return await db.write(deleteDirectory, { id: record.id, ...options, by })
}

async function getRecord({ db }: Pick<Deps, 'db'>, name: string): Promise<DirectoryRecord> {
  const records = await listDirectoryRecords(db.read)
  const record = records.find(({ key }) => key === name.toLowerCase())
  if (record !== undefined) return record
  throw new RegistryError('NOT_FOUND', `There is no directory "${name.slice(0, 100)}".`)
}

function infoOf(record: DirectoryRecord): DirectoryInfo {
  const { name, key, enabled, secret, kind } = record
  const info = { name, key, enabled, hasSecret: secret !== null }
  const stored: unknown = JSON.parse(record.settings)
  return kind === 'ldap'
    ? { ...info, kind, settings: parseLdapSettings(stored) }
    : { ...info, kind, settings: parseOidcSettings(stored) }
}

function parseSettings(kind: 'ldap' | 'oidc', settings: unknown): LdapSettings | OidcSettings {
  return kind === 'ldap' ? parseLdapSettings(settings) : parseOidcSettings(settings)
}

function nameOf({ name }: { readonly name: string }) {
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?$/.test(name)) {
    refuseField(
      'name',
      'It must have 1 to 50 letters, digits, dots, dashes or underscores: it stands in addresses.',
    )
  }
  return { name, key: name.toLowerCase() }
}

function checkSecret(
  kind: 'ldap' | 'oidc',
  settings: LdapSettings | OidcSettings,
  secret: string | null,
): void {
  if (secret !== null && (secret === '' || secret.length > 1000)) {
    refuseField('secret', 'It has 1 to 1000 characters; null is none.')
  }
  if (kind === 'ldap' && 'bindDn' in settings && (settings.bindDn === null) !== (secret === null)) {
    refuseField(
      'secret',
      'The password of bindDn: both or neither. A bind without one is anonymous.',
    )
  }
}

function readSecret(encryption: Encryption, record: DirectoryRecord): string | null {
  return record.secret && encryption.decrypt(record.secret, secretOwner(record))
}

/** Where a secret is sent, and how well it is protected on the way. */
function destinationOf(settings: LdapSettings | OidcSettings): string {
  if ('issuer' in settings) return settings.issuer
  const { host, port, security, caCertificate, dangerouslySkipCertificateCheck } = settings
  return JSON.stringify([host, port, security, caCertificate, dangerouslySkipCertificateCheck])
}

function infoFields({ name, enabled }: { readonly name: string; readonly enabled: boolean }) {
  return { name, enabled }
}

function changesOf(before: object, after: object): readonly string[] {
  const old = new Map<string, unknown>(Object.entries(before))
  return Object.entries(after)
    .filter(([field, value]) => JSON.stringify(old.get(field)) !== JSON.stringify(value))
    .map(([field]) => field)
}

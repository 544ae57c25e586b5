import { createHash } from 'node:crypto'
import type { Queries } from '../../db/database.ts'
import { type DirectoryRecord, listDirectoryRecords } from '../../db/directories.ts'
import type { Encryption } from '../encrypted.ts'
import { createRecent } from '../recent.ts'
import { type LdapDirectory, openLdapDirectory } from './ldap-directory.ts'
import { type LdapSettings, parseLdapSettings } from './ldap-settings.ts'
import { type OidcDirectory, openOidcDirectory } from './oidc-directory.ts'
import { type OidcSettings, parseOidcSettings } from './oidc-settings.ts'

interface Directory {
  readonly id: number
  readonly name: string
  readonly key: string
  /** Changes with the settings, the secret or the name. */
  readonly revision: string
}

/** `open` throws INTERNAL if the secret cannot be read. */
export type EnabledDirectory =
  | (Directory & {
      readonly kind: 'ldap'
      readonly settings: LdapSettings
      readonly open: () => LdapDirectory
    })
  | (Directory & {
      readonly kind: 'oidc'
      readonly settings: OidcSettings
      readonly open: () => OidcDirectory
    })

/** The directories that are enabled, in their order, as of at most a second ago. */
export interface EnabledDirectories {
  list(): Promise<readonly EnabledDirectory[]>
  find(id: number): Promise<EnabledDirectory | undefined>
  findByKey(key: string): Promise<EnabledDirectory | undefined>
}

export interface EnabledDirectoriesOptions {
  readonly read: Queries
  readonly encryption: Encryption
  readonly monotonicMs?: () => number
}

export function openEnabledDirectories(options: EnabledDirectoriesOptions): EnabledDirectories {
  const { read, encryption, monotonicMs = () => performance.now() } = options
  let opened: readonly EnabledDirectory[] = []
  const load = async () => {
    const records = (await listDirectoryRecords(read)).filter(({ enabled }) => enabled)
    // What did not change is kept with what it remembers.
    opened = records.map((record) => {
      const revision = revisionOf(record)
      const known = opened.find((each) => each.id === record.id && each.revision === revision)
      return known ?? enabledDirectory(record, revision, encryption)
    })
    return opened
  }
  const recent = createRecent({ load, maxAgeMs: 900, maxEntries: 1, monotonicMs })
  const list = async () => (await recent('all')) ?? []
  return {
    list,
    find: async (id) => (await list()).find((each) => each.id === id),
    findByKey: async (key) => (await list()).find((each) => each.key === key.toLowerCase()),
  }
}

/** For what the stored secret of a directory was encrypted. */
export function secretOwner({ kind, key }: Pick<DirectoryRecord, 'kind' | 'key'>): string {
  return `directory ${key} (${kind})`
}

function enabledDirectory(
  record: DirectoryRecord,
  revision: string,
  encryption: Encryption,
): EnabledDirectory {
  const { id, name, key, kind, secret } = record
  const readSecret = () =>
    secret === null ? null : encryption.decrypt(secret, secretOwner(record))
  const stored: unknown = JSON.parse(record.settings)
  if (kind === 'ldap') {
    const settings = parseLdapSettings(stored)
    const open = once(() => openLdapDirectory({ settings, bindPassword: readSecret() }))
    return { id, name, key, revision, kind, settings, open }
  }
  const settings = parseOidcSettings(stored)
  const open = once(() => openOidcDirectory({ settings, clientSecret: readSecret() }))
  return { id, name, key, revision, kind, settings, open }
}

function revisionOf({ name, settings, secret }: DirectoryRecord): string {
  return createHash('sha256')
    .update(JSON.stringify([name, settings, secret]))
    .digest('base64')
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { secretOwner as directoryOwner } from '../../auth/directories/enabled-directories.ts'
import { listConnectorRecords } from '../../db/connectors.ts'
import { listPeople } from '../../db/diagnosis.ts'
import { listDirectoryRecords } from '../../db/directories.ts'
import { listStores } from '../../db/stores.ts'
import { secretOwner } from '../../registry/connectors/attached-connectors.ts'
import { listFeeds } from '../../registry/feeds.ts'
import { partsOf } from '../../registry/store-rows.ts'
import type { Patient, PatientData } from '../patient.ts'

export type Scrub = (text: string) => string

export interface KnownTexts {
  readonly secrets: readonly string[]
  readonly people: readonly string[]
}

/** Shorter ones would be found everywhere. */
const shortestSecret = 6
const shortestName = 3
/** Names that say nothing of anybody. */
const nobodies = new Set(['admin', 'anonymous', 'entrepot', 'everyone', 'authenticated'])

/** What must not be in a text, as far as this process can know it. */
export async function listKnownTexts(
  { config }: Patient,
  { db, secrets }: PatientData,
): Promise<KnownTexts> {
  const files = await Promise.all(
    ['secret.key', 'initial-admin-password'].map((name) =>
      readFile(path.join(config.dataDir, name), 'utf8').catch(() => ''),
    ),
  )
  const ofStores = (await listStores(db.read).catch(() => [])).flatMap((record) =>
    valuesOf(() => {
      const { secrets: own, options } = partsOf(record, secrets)
      return { ...own, AccessKey: options.AccessKey }
    }),
  )
  const ofDirectories = (await listDirectoryRecords(db.read).catch(() => [])).flatMap((record) => {
    const { secret } = record
    if (secret === null) return []
    return valuesOf(() => ({ secret: secrets.decrypt(secret, directoryOwner(record)) }))
  })
  const ofConnectors = (await listConnectorRecords(db.read).catch(() => [])).flatMap((record) => {
    const { secret } = record
    if (secret === null) return []
    return valuesOf(() => ({ secret: secrets.decrypt(secret, secretOwner(record.name)) }))
  })
  const feeds = new Set((await listFeeds(db).catch(() => [])).map(({ key }) => key))
  const people = (await listPeople(db.read).catch(() => [])).filter(
    (name) => !nobodies.has(name.toLowerCase()) && !feeds.has(name.toLowerCase()),
  )
  const stored = [...ofStores, ...ofDirectories, ...ofConnectors]
  const known = [...files.map((text) => text.trim()), ...stored]
  // As they are, and as they are in addresses.
  return { secrets: known.flatMap((text) => [text, encodeURIComponent(text)]), people }
}

/** A connection string is one secret, and has others in it. */
function valuesOf(read: () => Readonly<Record<string, string | undefined>>): string[] {
  try {
    return Object.values(read()).flatMap((text = '') => [
      text,
      ...text.split(/[;,"{}]/).map((part) => part.replace(/^[^=]{1,40}=/, '')),
    ])
  } catch {
    // It cannot be read here either.
    return []
  }
}

export function scrubberOf(of: KnownTexts & { readonly redact: Scrub }): Scrub {
  const secrets = of.secrets
    .filter((text) => text.length >= shortestSecret)
    .sort((a, b) => b.length - a.length)
  const names = of.people
    .filter((text) => text.length >= shortestName)
    .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .sort((a, b) => b.length - a.length)
  const people =
    names.length === 0
      ? null
      : new RegExp(`(?<![\\p{L}\\p{N}])(?:${names.join('|')})(?![\\p{L}\\p{N}])`, 'giu')
  return (text) => {
    // Line by line: of a long text only the beginning would be kept.
    let scrubbed = text.split('\n').map(of.redact).join('\n')
    for (const secret of secrets) scrubbed = scrubbed.replaceAll(secret, '[hidden]')
    scrubbed = scrubbed.replace(/[^\s@<>"',;:/\]]+@[\w-]+(?:\.[\w-]+)+/g, '[address]')
    return people === null ? scrubbed : scrubbed.replace(people, '[somebody]')
  }
}

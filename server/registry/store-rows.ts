import type { StoreChange, StoreRecord } from '../db/stores.ts'
import type { Properties, StoreParts } from './store-properties.ts'
import type { Secrets } from './stores.ts'

/** What the row says. Throws INTERNAL if its secret cannot be read. */
export function partsOf(record: StoreRecord, secrets: Secrets): StoreParts {
  const { type, settings, options, secret } = record
  const place = JSON.parse(settings) as Properties
  return {
    type,
    place: type === 'disk' ? { StoragePath: place.path ?? '' } : place,
    options: JSON.parse(options) as Properties,
    secrets:
      secret === null
        ? {}
        : (JSON.parse(secrets.decrypt(secret, storeOwner(type, settings))) as Properties),
  }
}

/** What the stored credentials belong to: those of one place are of no use for another. */
export function storeOwner(type: string, settings: string): string {
  return `store ${type} ${settings}`
}

/** What of the row says which place it is. */
export function settingsOf({ type, place }: StoreParts): string {
  return JSON.stringify(type === 'disk' ? { path: place.StoragePath } : place)
}

/** The row, as it is written. */
export function storeChangeOf(parts: StoreParts, secrets: Secrets): Omit<StoreChange, 'marker'> {
  const { type, options } = parts
  const settings = settingsOf(parts)
  const hasSecrets = Object.keys(parts.secrets).length > 0
  return {
    ...{ type, settings, options: JSON.stringify(options) },
    secret: hasSecrets
      ? secrets.encrypt(JSON.stringify(parts.secrets), storeOwner(type, settings))
      : null,
  }
}

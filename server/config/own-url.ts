import type { Config } from '../config.ts'
import { formatOwnUrl } from '../domain/base-url.ts'

/** Where the server of these settings listens, as this machine reaches it; null: port 0. */
export function ownUrlOf({ listen, tls }: Pick<Config, 'listen' | 'tls'>): string | null {
  return listen.port === 0 ? null : formatOwnUrl(tls === null ? 'http' : 'https', listen)
}

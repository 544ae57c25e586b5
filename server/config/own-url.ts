import type { Config } from '../config.ts'

const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Where the server of these settings listens, as this machine reaches it; null: port 0. */
export function ownUrlOf({ listen, tls }: Pick<Config, 'listen' | 'tls'>): string | null {
  if (listen.port === 0) return null
  const host = everywhere[listen.host] ?? listen.host
  const named = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return `${tls === null ? 'http' : 'https'}://${named}:${listen.port}`
}

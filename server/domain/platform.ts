type Json = Readonly<Record<string, unknown>>

/** `linux/arm64/v8`, of Windows with its version: `windows/amd64:10.0.17763.1`. Null: it says none. */
export function formatPlatform(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null
  const json = value as Json
  const os = wordOf(json.os)
  const architecture = wordOf(json.architecture)
  if (os === null || architecture === null || os === 'unknown') return null
  const variant = wordOf(json.variant)
  const version = os === 'windows' ? wordOf(json['os.version']) : null
  return `${os}/${architecture}${variant === null ? '' : `/${variant}`}${version === null ? '' : `:${version}`}`
}

/** What a platform is made of has no commas and is short: lists of them are kept as one text. */
function wordOf(value: unknown): string | null {
  return typeof value === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(value) ? value : null
}

export function joinPlatforms(platforms: readonly (string | null)[]): string {
  const known = platforms.filter((platform) => platform !== null)
  return [...new Set(known)].sort().slice(0, 100).join(',')
}

export function splitPlatforms(text: string | null): string[] {
  return text === null || text === '' ? [] : text.split(',')
}

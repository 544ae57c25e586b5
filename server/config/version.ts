import { readFileSync } from 'node:fs'

/** The version in the package's own package.json: two folders up from source, and from `dist/server/`. */
export function readVersion(): string {
  try {
    const { name, version }: Readonly<Record<string, unknown>> = JSON.parse(
      readFileSync(packageFile(), 'utf8'),
    )
    return name === 'entrepot' && typeof version === 'string' ? version : '0.0.0'
  } catch {
    return '0.0.0'
  }
}

function packageFile(): URL {
  return new URL('../../package.json', import.meta.url)
}

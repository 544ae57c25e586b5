import { readFileSync } from 'node:fs'

/** The version in the package's own package.json: above `server/` or, built, above `dist/server/`. */
export function readVersion(): string {
  for (const file of ['../../package.json', '../../../package.json']) {
    const found = readPackage(new URL(file, import.meta.url))
    if (found !== undefined) return found
  }
  return '0.0.0'
}

function readPackage(file: URL): string | undefined {
  try {
    const { name, version }: Readonly<Record<string, unknown>> = JSON.parse(
      readFileSync(file, 'utf8'),
    )
    return name === 'entrepot' && typeof version === 'string' ? version : undefined
  } catch {
    return undefined
  }
}

/** A tag that is a semantic version: `1.4.0`, `v1.4.0-rc.1`; `_` stands for `+`, as Helm writes it. */
export interface Version {
  /** As ranges are asked about: without `v` and build. */
  readonly text: string
  readonly numbers: readonly [major: number, minor: number, patch: number]
  /** The identifiers behind the dash; empty for a release. */
  readonly prerelease: readonly string[]
}

const number = '(0|[1-9][0-9]{0,14})'
const identifiers = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*'
const pattern = new RegExp(
  `^v?(${number}\\.${number}\\.${number}(?:-(${identifiers}))?)(?:[_+]${identifiers})?$`,
)

/** Undefined for a tag that is no whole version: `1.4`, `latest`, `2024.01.05`. */
export function findVersion(tag: string): Version | undefined {
  const match = pattern.exec(tag)
  if (!match) return undefined
  const [, text = '', major, minor, patch, prerelease] = match
  return {
    text,
    numbers: [Number(major), Number(minor), Number(patch)],
    prerelease: prerelease === undefined ? [] : prerelease.split('.'),
  }
}

/** Negative when `a` comes before `b` (semver.org, 11: precedence). */
export function compareVersions(a: Version, b: Version): number {
  for (const [at, number] of a.numbers.entries()) {
    const difference = number - (b.numbers[at] ?? 0)
    if (difference !== 0) return difference
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) {
    return b.prerelease.length - a.prerelease.length
  }
  for (const [at, identifier] of a.prerelease.entries()) {
    const other = b.prerelease[at]
    if (other === undefined) return 1
    const difference = compareIdentifiers(identifier, other)
    if (difference !== 0) return difference
  }
  return a.prerelease.length - b.prerelease.length
}

/** Numbers by value and before words, words by their bytes. */
function compareIdentifiers(a: string, b: string): number {
  const isNumber = (text: string) => /^[0-9]+$/.test(text)
  if (isNumber(a) && isNumber(b)) return Number(a) - Number(b)
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1
  return a === b ? 0 : a < b ? -1 : 1
}

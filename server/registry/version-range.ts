import semver from 'semver'
import type { CompileRange } from '../domain/retention-rule.ts'

/** Ranges as npm reads them. */
export const compileRange: CompileRange = (range) => {
  if (range.trim() === '') return undefined
  try {
    const strict = new semver.Range(range)
    const wide = new semver.Range(range, { includePrerelease: true })
    return {
      includes: (version) => strict.test(version),
      includesWidely: (version) => wide.test(version),
    }
  } catch {
    return undefined
  }
}

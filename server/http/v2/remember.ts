import { createBoundedCache } from '../../auth/bounded-cache.ts'

const maxEntries = 2000
/** Longer texts are parsed each time: what anybody may send must not fill the memory. */
const maxLength = 300

/** The same parser, which remembers what short texts came to; a text that it refuses is not kept. */
export function remembering<T extends object | string>(
  parse: (text: string) => T,
): (text: string) => T {
  const known = createBoundedCache<T>(maxEntries)
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    const parsed = parse(text)
    if (text.length <= maxLength) known.set(text, parsed)
    return parsed
  }
}

/**
 * A text whose byte order is the order in which people expect tags: numbers by their value (1.10
 * after 1.9), a leading `v` and case left out, and what follows a hyphen before the bare name, as
 * pre-releases come before their release (1.4-rc.1 before 1.4). Tags that differ may have one key.
 */
export function versionKey(tag: string): string {
  const bare = tag.toLowerCase().replace(/^v(?=\d)/, '')
  const withNumbers = bare.replace(/\d+/g, (digits) => {
    const number = digits.replace(/^0+(?=\d)/, '')
    // The number of digits first, in two places of base 36: a tag has 128 at most.
    return number.length.toString(36).padStart(2, '0') + number
  })
  // In ASCII both come before the dot, which comes before digits and letters.
  return `${withNumbers.replaceAll('-', '!')}"`
}

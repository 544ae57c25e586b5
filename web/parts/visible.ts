/** Line breaks and tabs have their place, and some scripts and emoji need these joiners. */
const kept = new Set('\t\n\r\u200c\u200d')

/**
 * The text with what is not seen written out as JSON does, `\u202e`: characters that turn the order
 * of others round, that take no room, or that no screen has. Whoever made an image, or a file in it,
 * can write anything into it, also what makes it look like something else.
 */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    kept.has(found) ? found : escapeUnits(found),
  )
}

function escapeUnits(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}

import { escapeFilter, type Filter, FilterParser } from 'ldapts'

/** Where the value that is looked for stands in a filter. */
const placeholder = '%s'
/** The matching rule by which Active Directory follows groups inside groups. */
export const memberInChain = '1.2.840.113556.1.4.1941'

/**
 * Why this is no filter (RFC 4515) in which one value can be looked for: the parser's message;
 * undefined if it is one.
 */
export function explainFilter(
  template: string,
  options: { readonly value: boolean },
): string | undefined {
  if (/[\p{Cc}\p{Cs}]/u.test(template)) return 'A filter has no control characters.'
  try {
    fillFilter(template, placeholder)
  } catch (error) {
    return error instanceof Error ? error.message : 'The filter cannot be read.'
  }
  // The parser does not miss a parenthesis at the end; servers do.
  const opened = template.split('(').length
  const closed = template.split(')').length
  if (opened !== closed) {
    return `Unbalanced parens: ${opened - 1} are opened and ${closed - 1} closed in ${template}`
  }
  if (options.value && !template.includes(placeholder)) {
    return 'The filter must contain %s, where the name that is looked for belongs.'
  }
  if (!options.value && template.includes(placeholder)) {
    return 'Nothing is put into this filter: it must not contain %s.'
  }
  return standsForValues(template)
    ? undefined
    : 'In the filter, %s must stand for a value, after the equals sign: (uid=%s).'
}

/** The filter that looks for `value`, whatever characters it has. Throws what the parser says. */
export function fillFilter(template: string, value: string): Filter {
  return FilterParser.parseString(filterText(template, value))
}

/** As `fillFilter`, as text: to combine and to show. */
export function filterText(template: string, value: string): string {
  const text = template.replaceAll(placeholder, () => escapeFilter`${value}`)
  return text.startsWith('(') ? text : `(${text})`
}

/**
 * The filter that finds again who was found by some value: whoever has the attribute so, among all
 * whom the filter could find.
 */
export function filterByAttribute(template: string, attribute: string, value: string): Filter {
  const anybody = template.replaceAll(placeholder, () => '*').replace(/\*{2,}/g, '*')
  const among = anybody.startsWith('(') ? anybody : `(${anybody})`
  return FilterParser.parseString(`(&${among}${filterText(`(${attribute}=%s)`, value)})`)
}

/** Escaping protects a value; as the name of an attribute, a user's input could choose what is asked. */
function standsForValues(template: string): boolean {
  return template.split(placeholder).every((_, index, parts) => {
    if (index === parts.length - 1) return true
    const before = parts.slice(0, index + 1).join(placeholder)
    return before.slice(before.lastIndexOf('(') + 1).includes('=')
  })
}

/** What is wrong with a pattern of tags; undefined: nothing. `*` stands for any characters. */
export function faultOfTagPattern(text: string): string | undefined {
  if (text === '') return 'It is empty; * stands for every tag.'
  if (text.length > 128) return 'It has more than 128 characters, and no tag has.'
  const stranger = /[^A-Za-z0-9_.*-]/u.exec(text)?.[0]
  if (stranger !== undefined) return `No tag has the character ${JSON.stringify(stranger)}.`
  if (text.includes('**')) return 'Two stars in a row say nothing more than one.'
  return undefined
}

/** Whether the tag fits. Upper and lower case differ, as in tags. */
export function matchesTag(pattern: string, tag: string): boolean {
  let at = 0
  let place = 0
  // Where to go on when what follows the last star turns out not to fit.
  let afterStar = -1
  let retry = 0
  while (at < tag.length) {
    if (pattern[place] === '*') {
      place += 1
      afterStar = place
      retry = at
    } else if (pattern[place] === tag[at]) {
      place += 1
      at += 1
    } else if (afterStar >= 0) {
      retry += 1
      at = retry
      place = afterStar
    } else {
      return false
    }
  }
  while (pattern[place] === '*') place += 1
  return place === pattern.length
}

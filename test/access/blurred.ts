import type { Answer } from '../support/wire.ts'

/** What a caller sees of an answer, but for the name that it asked for, lengths and the time. */
export function blurred(answer: Answer, name: string): string {
  const lines = Object.entries(answer.headers)
    .map(([header, value]) => (isOfItsOwn(header) ? header : `${header}: ${value}`))
    .sort()
  const all = [answer.status, ...lines, answer.body.toString('utf8')]
  return all.join(' | ').replaceAll(name, 'NAME')
}

function isOfItsOwn(header: string): boolean {
  return header === 'date' || header === 'content-length'
}

/** Answers that nobody may tell apart: by what was asked, each is compared with the first. */
export class Hidden {
  readonly #first = new Map<string, string>()

  /** How the answer can be told apart; undefined: it cannot. */
  compare(asked: string, answer: Answer, name: string): string | undefined {
    const shown = blurred(answer, name)
    const first = this.#first.get(asked) ?? shown
    this.#first.set(asked, first)
    return shown === first ? undefined : `"${shown}" can be told from "${first}"`
  }
}

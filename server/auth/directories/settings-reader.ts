import { type FieldProblem, RegistryError } from '../../domain/errors.ts'

interface TextRule {
  /** What is taken when the field is absent; without one the field must be there. */
  readonly default?: string
  readonly maxLength?: number
  /** Why a text is not good; undefined if it is. */
  readonly explain?: (text: string) => string | undefined
}

/** Takes settings out of JSON, field by field, and remembers everything that is wrong with them. */
export class SettingsReader {
  readonly problems: FieldProblem[] = []
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #known = new Set<string>()

  constructor(input: unknown) {
    const isObject = typeof input === 'object' && input !== null && !Array.isArray(input)
    if (!isObject) this.problem('settings', 'The settings must be an object.')
    this.#fields = isObject ? { ...input } : {}
  }

  problem(field: string, message: string): void {
    this.problems.push({ field, message })
  }

  text(field: string, rule: TextRule = {}): string {
    const value = this.#take(field) ?? rule.default
    if (value === undefined || (value === '' && rule.default === undefined)) {
      this.problem(field, 'It is missing.')
      return ''
    }
    return this.#check(field, value, rule)
  }

  /** Absent, null and empty are null. */
  optionalText(field: string, rule: Omit<TextRule, 'default'> = {}): string | null {
    const value = this.#take(field)
    return value === undefined || value === '' ? null : this.#check(field, value, rule)
  }

  choice<T extends string>(field: string, choices: readonly [T, ...T[]]): T {
    const value = this.#take(field) ?? choices[0]
    const found = choices.find((choice) => choice === value)
    if (found === undefined) this.problem(field, `It must be one of: ${choices.join(', ')}.`)
    return found ?? choices[0]
  }

  flag(field: string, byDefault = false): boolean {
    const value = this.#take(field) ?? byDefault
    if (typeof value !== 'boolean') this.problem(field, 'It must be true or false.')
    return value === true
  }

  number(field: string, rule: { min: number; max: number; default: number }): number {
    const value = this.#take(field) ?? rule.default
    if (Number.isInteger(value) && Number(value) >= rule.min && Number(value) <= rule.max) {
      return Number(value)
    }
    this.problem(field, `It must be a whole number from ${rule.min} to ${rule.max}.`)
    return rule.default
  }

  texts(field: string): readonly string[] {
    const value = this.#take(field) ?? []
    if (!Array.isArray(value) || value.length > 100) {
      this.problem(field, 'It must be a list of at most 100 texts.')
      return []
    }
    return value.map((item: unknown) => this.#check(field, item, { maxLength: 500 }))
  }

  /** Throws INVALID_FIELDS with every problem, of fields that do not exist too. */
  finish(): void {
    for (const field of Object.keys(this.#fields)) {
      if (!this.#known.has(field)) this.problem(field, 'There is no such setting.')
    }
    if (this.problems.length > 0) throw invalidFields(this.problems)
  }

  #take(field: string): unknown {
    this.#known.add(field)
    return this.#fields[field] ?? undefined
  }

  #check(field: string, value: unknown, { maxLength = 1000, explain }: TextRule): string {
    if (typeof value !== 'string') {
      this.problem(field, 'It must be a text.')
      return ''
    }
    const text = value.trim()
    const reason =
      text.length > maxLength ? `It has at most ${maxLength} characters.` : explain?.(text)
    if (reason !== undefined) this.problem(field, reason)
    return text
  }
}

export function invalidFields(problems: readonly FieldProblem[]): RegistryError {
  const texts = problems.map(({ field, message }) => `${field}: ${message}`)
  return new RegistryError('INVALID_FIELDS', texts.join(' '), { detail: problems })
}

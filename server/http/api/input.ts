import type { z } from 'zod'
import type { FieldProblem } from '../../../contract/problem.ts'
import type { Input, Route } from '../../../contract/route.ts'
import { RegistryError } from '../../domain/errors.ts'
import type { Sent } from './sent.ts'

/** What was sent, as the route takes it. Throws INVALID_FIELDS with every field's problem. */
export function parseInput<R extends Route>(route: R, sent: Sent): Input<R> {
  const problems: FieldProblem[] = []
  const parse = (schema: z.ZodType, value: unknown) => {
    const parsed = schema.safeParse(value)
    if (!parsed.success) problems.push(...parsed.error.issues.flatMap(problemsOf))
    return parsed.data
  }
  const input = {
    params: parse(route.params, sent.params),
    query: parse(route.query, sent.query),
    body: parse(route.body, sent.body),
  }
  if (problems.length > 0) throw invalidFields(problems)
  return input as Input<R>
}

export function invalidFields(problems: readonly FieldProblem[]): RegistryError {
  const words = problems
    .slice(0, 3)
    .map(({ field, message }) => (field === '' ? message : `${field}: ${message}`))
    .join('; ')
  const more = problems.length > 3 ? `; and ${problems.length - 3} more` : ''
  return new RegistryError('INVALID_FIELDS', `The request is not as it must be: ${words}${more}.`, {
    detail: problems,
  })
}

/** Unknown names one by one; the values that were sent are never repeated. */
function problemsOf(issue: z.core.$ZodIssue): FieldProblem[] {
  const field = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: [...issue.path.map(String), key.slice(0, 100)].join('.'),
      message: 'there is no such field',
    }))
  }
  return [{ field, message: issue.message }]
}

import { STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'
import { RegistryError } from '../../domain/errors.ts'

/** RFC 9457, with the server's own error code beside it. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  /** What else is known, such as every invalid field of a 422. */
  readonly errors?: unknown
}

/** What a caller is told of an error; the reason of a failure of ours stays in the log. */
export function describeProblem(error: unknown): Problem {
  const refusal = toRefusal(error)
  return {
    type: 'about:blank',
    title: STATUS_CODES[refusal.status] ?? 'Error',
    status: refusal.status,
    detail: refusal.message,
    code: refusal.code,
    ...(refusal.errors === undefined ? {} : { errors: refusal.errors }),
  }
}

/** Answers with a problem. The type is sent without a charset: JSON has none. */
export function sendProblem(reply: FastifyReply, error: unknown): FastifyReply {
  const problem = describeProblem(error)
  if (error instanceof RegistryError) reply.headers(error.headers)
  return reply
    .code(problem.status)
    .header('content-type', 'application/problem+json')
    .header('cache-control', 'no-store')
    .send(Buffer.from(JSON.stringify(problem)))
}

interface Refusal {
  readonly status: number
  readonly message: string
  readonly code: string
  readonly errors?: unknown
}

function toRefusal(error: unknown): Refusal {
  if (error instanceof RegistryError) {
    return { status: error.status, message: error.message, code: error.code, errors: error.detail }
  }
  return refusalOfFramework(error) ?? toRefusal(new RegistryError('INTERNAL'))
}

/** Fastify's own refusals (a body that is no JSON, too large, of another type) tell their status. */
function refusalOfFramework(error: unknown): Refusal | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined
  const { statusCode: status, message } = error
  if (typeof status !== 'number' || status < 400 || status > 499) return undefined
  return { status, message, code: 'REQUEST_INVALID' }
}

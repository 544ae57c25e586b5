import { checkAnswer } from '../support/answer-rules.ts'
import { digestOf } from '../support/content.ts'
import type { Answer } from '../support/wire.ts'
import type { Expected } from './wire-expectations.ts'

interface Sent {
  readonly method: string
  readonly target: string
}

/** What an answer has instead of what is expected; undefined: it fits. */
export function mismatchOf(expected: Expected, { method }: Sent, answer: Answer) {
  const { status, code, digest, lacksScope } = expected
  const heard = `${answer.status} ${answer.body.subarray(0, 200).toString('utf8')}`
  const wanted = `${status} ${code ?? ''} expected, ${heard} heard`
  if (answer.status !== status) return wanted
  if (method === 'HEAD') return undefined
  if (code !== undefined && codeOf(answer) !== code) return wanted
  if (digest !== undefined && digestOf(answer.body) !== digest) return `other bytes than ${digest}`
  const challenge = answer.headers['www-authenticate'] ?? ''
  if (challenge.includes('insufficient_scope') !== lacksScope) return `the challenge ${challenge}`
  return undefined
}

/** What every answer of a registry keeps to; undefined: this one does. */
export function ruleBroken(sent: Sent, answer: Answer): string | undefined {
  try {
    checkAnswer(sent, answer)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Of the first error; undefined where there is none. */
function codeOf(answer: Answer): string | undefined {
  try {
    const { errors } = JSON.parse(answer.body.toString('utf8')) as { errors?: { code: string }[] }
    return errors?.[0]?.code
  } catch {
    return undefined
  }
}

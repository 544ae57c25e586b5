import type { Reply } from './request.ts'

/** What is wrong in a way that has a remedy of its own. */
export type Symptom =
  | 'authorization'
  | 'body'
  | 'buffered'
  | 'bytes'
  | 'compressed'
  | 'connection'
  | 'encoded'
  | 'gateway'
  | 'headers'
  | 'location'
  | 'method'
  | 'other'
  | 'range'
  | 'redirect'
  | 'stranger'

/** A step that did not go as it should. */
export class Trouble extends Error {
  readonly symptom: Symptom

  constructor(symptom: Symptom, seen: string) {
    super(seen)
    this.symptom = symptom
  }
}

/** The answer if it has this status. Throws Trouble, saying what came instead. */
export function expectStatus(reply: Reply, status: number, asked: string): Reply {
  if (reply.status === status) return reply
  throw new Trouble(symptomOf(reply), `${asked} is answered ${describe(reply)}, not ${status}.`)
}

export function describe({ status, headers, body, problem }: Reply): string {
  if (problem !== null) return `not at all (${problem})`
  const { server } = headers
  const said = isOurs(body) ? messageOf(body) : server === undefined ? '' : `by ${server}`
  return said === '' ? String(status) : `${status} (${said})`
}

function symptomOf(reply: Reply): Symptom {
  const { status, body, problem } = reply
  if (problem !== null) return 'connection'
  if (status === 413) return 'body'
  if (status >= 300 && status < 400) return 'redirect'
  if (status === 401) return 'authorization'
  if (isOurs(body)) return status === 404 ? 'stranger' : 'other'
  if (status === 405 || status === 403 || status === 501) return 'method'
  if (status === 404 || status === 400) return 'encoded'
  return status >= 500 ? 'gateway' : 'other'
}

/** Errors of a registry are JSON (OCI distribution-spec, "Error Codes"); those of a proxy are not. */
function isOurs(body: Buffer): boolean {
  return messageOf(body) !== ''
}

function messageOf(body: Buffer): string {
  try {
    const { errors } = JSON.parse(body.toString('utf8')) as {
      readonly errors?: readonly { readonly code?: string; readonly message?: string }[]
    }
    const [first] = errors ?? []
    return first === undefined ? '' : `${first.code}: ${first.message}`.slice(0, 300)
  } catch {
    return ''
  }
}

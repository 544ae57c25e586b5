import { expect } from 'vitest'
import { type Answer, headerLines, jsonOf } from './wire.ts'

/** OCI distribution-spec, "Error Codes", and the ones that Distribution added. */
const codes = [
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DENIED',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'PAGINATION_NUMBER_INVALID',
  'RANGE_INVALID',
  'SIZE_INVALID',
  'TOOMANYREQUESTS',
  'UNAUTHORIZED',
  'UNAVAILABLE',
  'UNSUPPORTED',
]

/**
 * What holds for every answer under `/v2/`, whatever was asked: clients compare types byte by
 * byte, fail without lengths, print what is not JSON, and resolve what is relative.
 */
export function checkAnswer(asked: { method: string; target: string }, answer: Answer) {
  const what = `${asked.method} ${asked.target} → ${answer.status}`
  expect(answer.status, what).toBeLessThan(500)
  checkTransport(asked.method, answer, what)
  checkLinks(answer, what)
  if (answer.status >= 400) checkError(asked.method, answer, what)
  if (answer.status === 401) checkChallenge(asked.target, answer, what)
  if (answer.status === 405) expect(answer.headers.allow, what).toMatch(/^[A-Z]+(, [A-Z]+)*$/)
}

function checkTransport(method: string, answer: Answer, what: string) {
  const type = answer.headers['content-type'] ?? ''
  expect(type, what).not.toMatch(/html|charset/i)
  expect(answer.headers['content-encoding'], what).toBeUndefined()
  expect(answer.headers['x-registry-supports-signatures'], what).toBeUndefined()
  expect(answer.headers['transfer-encoding'], `${what}: a length is missing`).toBeUndefined()
  if (method === 'HEAD' || answer.status === 304 || answer.status === 204) {
    expect(answer.body.length, `${what}: no body`).toBe(0)
    return
  }
  expect(Number(answer.headers['content-length']), what).toBe(answer.body.length)
  expect(headerLines(answer, 'content-length').length, what).toBe(1)
}

/** Location and Link are paths: absolute ones break behind proxies. */
function checkLinks(answer: Answer, what: string) {
  if (answer.headers.location !== undefined) {
    expect(answer.headers.location, what).toMatch(/^\/v2\/[^/]/)
  }
  if (answer.headers.link !== undefined) {
    expect(answer.headers.link, what).toMatch(/^<\/v2\/[^>]+>; rel="next"$/)
  }
}

function checkError(method: string, answer: Answer, what: string) {
  expect(answer.headers['content-type'], what).toBe('application/json')
  if (method === 'HEAD') return
  const json = jsonOf(answer) as Record<string, unknown>
  expect(Object.keys(json), what).toEqual(['errors'])
  const errors = json.errors as { code: string; message: string }[]
  expect(errors.length, what).toBeGreaterThan(0)
  for (const error of errors) {
    expect(codes, what).toContain(error.code)
    expect(error.message, what).toMatch(/\S/)
    expect(
      Object.keys(error).filter((key) => !['code', 'message', 'detail'].includes(key)),
      what,
    ).toEqual([])
  }
  expect(answer.body.toString('utf8'), `${what}: a stack trace`).not.toMatch(/\n\s+at |\.ts:\d/)
}

/** Bearer alone, all values quoted, one scope at most, an absolute realm. */
function checkChallenge(target: string, answer: Answer, what: string) {
  expect(errorCode(answer), what).toBe('UNAUTHORIZED')
  // The token endpoint itself takes Basic credentials only; it has nothing to point at.
  if (target.startsWith('/v2/_auth')) return
  const lines = headerLines(answer, 'www-authenticate')
  expect(lines.length, `${what}: one challenge`).toBe(1)
  expect(lines[0], what).toMatch(
    /^Bearer realm="https?:\/\/[^"/]+\/v2\/_auth",service="[^"]+"(,scope="[^" ]+:[^" ]+:[^" ]+")?(,error="[a-z_]+"(,error_description="[^"]*")?)?$/,
  )
}

function errorCode(answer: Answer): string | undefined {
  if (answer.body.length === 0) return 'UNAUTHORIZED'
  return (jsonOf(answer) as { errors: { code: string }[] }).errors[0]?.code
}

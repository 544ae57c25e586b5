import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { checkAnswer } from './answer-rules.ts'
import { type Answer, jsonOf, type RequestHeaders, send } from './wire.ts'

/** What every answer to a step has to look like; what is not named is not looked at. */
export interface Expected {
  readonly status: number | readonly number[]
  /** By lower-case name: the exact value, a pattern, or null for "must not be there". */
  readonly headers?: Readonly<Record<string, string | RegExp | null>>
  /** The OCI error code of the body. */
  readonly error?: string | readonly string[]
  /** What the error's message and detail must contain. */
  readonly says?: string | RegExp | readonly (string | RegExp)[]
  /** What the error's message and detail must not contain. */
  readonly hides?: readonly string[]
  /** The whole JSON body. */
  readonly json?: unknown
  /** The exact bytes. */
  readonly body?: Uint8Array | string
  /** For what the fields above cannot say. */
  readonly check?: (answer: Answer) => void
}

/**
 * One request. In the request line and in header values, `$location` stands for the Location of
 * the last answer that had one, `$token` and `$refresh` for the tokens of the last token answer.
 */
export interface Step {
  /** `GET /v2/main/app/tags/list`. */
  readonly request: string
  /** A name of the table's callers; `admin` when absent, `anonymous` sends no credentials. */
  readonly as?: string
  /** Sends a Bearer token with these scopes, fetched for `as`, in place of the Basic credentials. */
  readonly scopes?: readonly string[]
  readonly headers?: RequestHeaders
  readonly body?: Uint8Array | string
  readonly chunked?: boolean
  readonly expectContinue?: boolean
  readonly expect: Expected
}

export type Row =
  | (Step & { readonly name: string })
  | { readonly name: string; readonly steps: readonly Step[] }

export interface Table {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  /** Authorization headers by caller. */
  readonly callers: Readonly<Record<string, string>>
}

/** One test a row, each with an answer checked against the rules that hold for every answer. */
export function testRows(rows: readonly Row[], table: () => Table) {
  const names = rows.map((row) => row.name)
  const twice = names.filter((name, i) => names.indexOf(name) !== i)
  assert.deepEqual(twice, [], 'two rows of one name')
  for (const row of rows) {
    test(row.name, async () => {
      const run = new Run(table())
      for (const step of 'steps' in row ? row.steps : [row]) await run.step(step)
    })
  }
}

/** Runs steps one after another and remembers what later ones refer to. */
export class Run {
  readonly #table: Table
  readonly #memory = new Map<string, string>()

  constructor(table: Table) {
    this.#table = table
  }

  async step(step: Step): Promise<Answer> {
    const [method = '', target = ''] = this.#fill(step.request).split(' ')
    const headers: Record<string, string | readonly string[]> = {}
    const authorization = await this.#authorization(step)
    if (authorization !== undefined) headers.authorization = authorization
    for (const [name, value] of Object.entries(step.headers ?? {})) {
      headers[name.toLowerCase()] = typeof value === 'string' ? this.#fill(value) : value
    }
    const answer = await send(this.#table.url, {
      method,
      target,
      headers,
      ...(step.body === undefined ? {} : { body: step.body }),
      ...(step.chunked === undefined ? {} : { chunked: step.chunked }),
      ...(step.expectContinue === undefined ? {} : { expectContinue: step.expectContinue }),
    })
    const summary = `${method} ${target} → ${answer.status} ${textOf(answer)}`
    checkAnswer({ method, target }, answer)
    checkExpected(step.expect, answer, summary)
    this.#remember(answer)
    return answer
  }

  async #authorization(step: Step): Promise<string | undefined> {
    const as = step.as ?? 'admin'
    const header = this.#table.callers[as]
    if (header === undefined && as !== 'anonymous') throw new Error(`no caller is called ${as}`)
    if (step.scopes === undefined) return header
    return `Bearer ${await fetchToken(this.#table.url, header, step.scopes)}`
  }

  #remember(answer: Answer) {
    const location = answer.headers.location
    if (location !== undefined) this.#memory.set('location', location)
    if (answer.headers['content-type'] !== 'application/json' || answer.body.length === 0) return
    const json = jsonOf(answer)
    if (typeof json !== 'object' || json === null) return
    if ('token' in json && typeof json.token === 'string') this.#memory.set('token', json.token)
    if ('refresh_token' in json && typeof json.refresh_token === 'string') {
      this.#memory.set('refresh', json.refresh_token)
    }
  }

  /** `$location?x` becomes `$location&x` where the location has a query of its own. */
  #fill(text: string): string {
    return text.replace(/\$(location|token|refresh)(\?)?/g, (_, name: string, mark = '') => {
      const value = this.#memory.get(name)
      if (value === undefined) throw new Error(`no answer before this one had a ${name}`)
      return value + (mark === '?' && value.includes('?') ? '&' : mark)
    })
  }
}

/** A token as a client gets it: one `scope` parameter for each scope. */
export async function fetchToken(
  url: string,
  authorization: string | undefined,
  scopes: readonly string[],
): Promise<string> {
  const query = new URLSearchParams([
    ['service', new URL(url).host],
    ...scopes.map((scope) => ['scope', scope]),
  ])
  const answer = await send(url, {
    method: 'GET',
    target: `/v2/_auth?${query}`,
    ...(authorization === undefined ? {} : { headers: { authorization } }),
  })
  expect(answer.status, `the token endpoint said ${textOf(answer)}`).toBe(200)
  const { token } = jsonOf(answer) as { token: unknown }
  if (typeof token !== 'string') throw new Error('no token in the answer')
  return token
}

function checkExpected(expected: Expected, answer: Answer, summary: string) {
  const statuses = [expected.status].flat()
  expect(statuses, summary).toContain(answer.status)
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    checkHeader(answer, name, value)
  }
  if (expected.error !== undefined) {
    expect([expected.error].flat(), summary).toContain(errorsOf(answer)[0]?.code)
  }
  const said = answer.body.toString('utf8')
  for (const part of [expected.says ?? []].flat()) {
    if (typeof part === 'string') expect(said, summary).toContain(part)
    else expect(said, summary).toMatch(part)
  }
  for (const part of expected.hides ?? []) expect(said, summary).not.toContain(part)
  if (expected.json !== undefined) expect(jsonOf(answer), summary).toEqual(expected.json)
  if (expected.body !== undefined) checkBody(Buffer.from(expected.body), answer, summary)
  expected.check?.(answer)
}

function checkHeader(answer: Answer, name: string, value: string | RegExp | null) {
  const actual = answer.headers[name]
  const what = `header ${name}`
  if (value === null) expect(actual, what).toBeUndefined()
  else if (typeof value === 'string') expect(actual, what).toBe(value)
  else expect(actual ?? '', what).toMatch(value)
}

function checkBody(body: Buffer, answer: Answer, summary: string) {
  if (answer.body.equals(body)) return
  expect.fail(`${summary}: the body has ${answer.body.length} other bytes than the ${body.length}`)
}

interface WireError {
  readonly code: string
  readonly message: string
}

export function errorsOf(answer: Answer): readonly WireError[] {
  return (jsonOf(answer) as { errors: WireError[] }).errors
}

function textOf(answer: Answer): string {
  return answer.body.subarray(0, 400).toString('utf8')
}

/**
 * HEAD must answer what GET answers: status and every header, but for those of the connection.
 * For an error this holds too, its length included (RFC 9110, 9.3.2).
 */
export async function compareHeadWithGet(
  table: Table,
  step: Omit<Step, 'expect' | 'request'> & { readonly target: string },
) {
  const ask = (method: string) =>
    new Run(table).step({
      ...step,
      request: `${method} ${step.target}`,
      expect: { status: anyStatus },
    })
  const get = await ask('GET')
  const head = await ask('HEAD')
  const own = ['date', 'connection', 'keep-alive']
  const rest = (answer: Answer) =>
    Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !own.includes(name)))
  expect(head.status).toBe(get.status)
  if (!isDeepStrictEqual(rest(head), rest(get))) expect(rest(head)).toEqual(rest(get))
  return get
}

const anyStatus = Array.from({ length: 500 }, (_, i) => 100 + i)

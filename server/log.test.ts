import { expect, test } from 'vitest'
import { RegistryError } from './domain/errors.ts'
import { type Log, openLog } from './log.ts'

type Level = Parameters<typeof openLog>[0]['logLevel']

function linesOf(logLevel: Level, write: (log: Log) => void): Record<string, unknown>[] {
  const lines: string[] = []
  write(openLog({ logLevel }, { write: (line) => void lines.push(line) }))
  return lines.map((line) => JSON.parse(line))
}

test('writes one JSON line a call, with time, level, fields and message', () => {
  const [line] = linesOf('info', (log) => log.child({ feed: 'main' }).warn({ count: 3 }, 'slow'))
  expect(line).toEqual({
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    level: 'warn',
    feed: 'main',
    count: 3,
    message: 'slow',
  })
})

test('writes nothing below its level', () => {
  const write = (log: Log) => {
    log.debug({}, 'd')
    log.info({}, 'i')
    log.warn({}, 'w')
    log.error({}, 'e')
  }
  expect(linesOf('warn', write).map(({ message }) => message)).toEqual(['w', 'e'])
  expect(linesOf('silent', write)).toEqual([])
  expect(linesOf('debug', write)).toHaveLength(4)
})

const secret = 'hunter2hunter2'
const leaks: readonly (readonly [string, object])[] = [
  ['a header', { headers: { authorization: `Basic ${secret}`, 'x-apikey': secret } }],
  ['a cookie', { req: { headers: { cookie: secret, 'Set-Cookie': [secret] } } }],
  ['a password', { password: secret, newPassword: secret, admin: { passwordHash: secret } }],
  ['a token', { token: secret, refresh_token: secret, tokens: [secret] }],
  ['a key', { key: secret, apiKey: secret, secretKey: secret, secret }],
  [
    'a URL of a database',
    { url: `postgres://u:${secret}@db/x`, at: new URL(`http://u:${secret}@h`) },
  ],
  ['a password with an @ in a URL', { url: `postgres://u:${secret}@${secret}@db/x` }],
  ['a query', { url: `/v2/_auth?service=x&refresh_token=${secret}&y=1` }],
  ['a signed address', { url: `https://a.blob.core.windows.net/c?sv=1&sig=${secret}&se=2` }],
  ['a connection string', { said: `AccountName=a;AccountKey=${secret}` }],
  ['a text', { said: `sent "Bearer ${secret}" and password=${secret}` }],
  ['an error', { err: new Error(`login with postgres://u:${secret}@db failed`) }],
  ['an error without name', { whatever: new Error('x', { cause: new Error(`Bearer ${secret}`) }) }],
  [
    'the detail of a refusal',
    { err: new RegistryError('DENIED', 'x', { detail: { token: secret } }) },
  ],
  ['bytes', { body: Buffer.from(secret) }],
]

test.for(leaks)('hides a secret in %s', ([, fields]) => {
  const lines = linesOf('info', (log) => {
    log.info(fields, 'x')
    log.child(fields).info({}, `x Bearer ${secret}`)
  })
  expect(JSON.stringify(lines)).not.toContain(secret)
  expect(lines).toHaveLength(2)
})

test('keeps what is no secret, errors with their causes included', () => {
  const err = new RegistryError('UNAVAILABLE', 'gone', { cause: new Error('ECONNREFUSED') })
  const [line] = linesOf('info', (log) => log.error({ err, keyId: 7, tokenCount: 2, key: 3 }, 'x'))
  expect(line).toMatchObject({
    err: { type: 'RegistryError', message: 'gone', cause: { message: 'ECONNREFUSED' } },
    keyId: 7,
    tokenCount: 2,
    key: 3,
  })
})

test('survives what refers to itself', () => {
  const loop: Record<string, unknown> = {}
  loop.self = loop
  expect(linesOf('info', (log) => log.info(loop, 'x'))).toHaveLength(1)
})

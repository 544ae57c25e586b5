import { expect, test } from 'vitest'
import { parseCredentials } from './credentials.ts'

const encode = (text: string | Uint8Array) => Buffer.from(text).toString('base64')

test.each([
  ['ann:secret', 'ann', 'secret'],
  ['ann:a:b::c', 'ann', 'a:b::c'],
  ['ann:', 'ann', ''],
  [':secret', '', 'secret'],
  [':', '', ''],
  ['jörg:pässwörd€😀', 'jörg', 'pässwörd€😀'],
  ['ann: \u00a0 ', 'ann', ' \u00a0 '],
  ['\ufeffann:x', '\ufeffann', 'x'],
])('Basic %j', (text, userName, password) => {
  const credentials = { scheme: 'basic', userName, password }
  expect(parseCredentials(`Basic ${encode(text)}`)).toEqual(credentials)
  expect(parseCredentials(`basic   ${encode(text)} `)).toEqual(credentials)
  expect(parseCredentials(`BASIC ${encode(text).replace(/=+$/, '')}`)).toEqual(credentials)
})

test('Bearer', () => {
  expect(parseCredentials('bearer a.b-c_')).toEqual({ scheme: 'bearer', token: 'a.b-c_' })
})

test.each([
  ['', /malformed/],
  ['   ', /malformed/],
  ['Basic', /not base64/],
  ['Basic !!!!', /not base64/],
  ['Basic YW5u YW5u', /malformed/],
  ['Basic YW5u\tYW5u', /malformed/],
  [`Basic ${encode('no colon')}`, /no colon/],
  [`Basic ${encode(Uint8Array.of(0x61, 0x3a, 0xff))}`, /not UTF-8/],
  [`Basic ${encode('ann:x').replace(/.$/, '-')}`, /not base64/],
  ['Bearer', /no token/],
  ['Bearer  ', /no token/],
  ['Bearer a b', /malformed/],
  ['Digest username="ann"', /unknown scheme/],
  ['Negotiate YW5u', /unknown scheme/],
  ['YW5uOnNlY3JldA==', /unknown scheme/],
])('%j is refused', (header, message) => {
  expect(() => parseCredentials(header)).toThrow(message)
  expect(() => parseCredentials(header)).toThrow(expect.objectContaining({ code: 'UNAUTHORIZED' }))
})

test('a refusal does not repeat the secret', () => {
  const header = `Basic ${encode('annsecretsecret')}`
  expect(() => parseCredentials(header)).toThrow(/^((?!secret).)*$/)
})

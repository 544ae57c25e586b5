import { expect, test } from 'vitest'
import { isApiKeyUserName, parseUserName, userKey } from './user-name.ts'

test.each([
  ['Admin', 'admin'],
  ['Jörg', 'jörg'],
  ['Jo\u0308rg', 'jörg'],
  ['ＡＤＭＩＮ', 'admin'],
  ['first.last@example.test', 'first.last@example.test'],
  ['Ann Lee', 'ann lee'],
])('%s is found as %s', (name, key) => {
  expect(parseUserName(name)).toEqual({ name, key })
  expect(userKey(name)).toBe(key)
})

test.each(['', ' ann', 'ann ', 'a:b', 'a：b', 'a\nb', 'a\0b', '\ud800', 'x'.repeat(101)])(
  'no user can be named %j',
  (name) => {
    expect(() => parseUserName(name)).toThrow(/user name/i)
  },
)

test.each(['Admin\u200b', 'a\u202eb', 'a\u00adb', '\ufeffAdmin'])(
  'no user has invisible characters in its name: %j',
  (name) => {
    expect(() => parseUserName(name)).toThrow('invisible characters')
  },
)

test.each(['Entrepot', 'command line', 'Command  Line', 'API key 1 (deploy)', 'api key'])(
  'no user can be named as the server calls itself in the audit: %s',
  (name) => {
    expect(() => parseUserName(name)).toThrow('the audit means')
  },
)

test.each(['api', 'API', 'Api', 'ａｐｉ'])('no user can be named %s', (name) => {
  expect(() => parseUserName(name)).toThrow(/No user can be named "api"/)
})

test('the user name api announces an API key, in any case', () => {
  expect(['api', 'API', 'apikey', ''].map(isApiKeyUserName)).toEqual([true, true, false, false])
})

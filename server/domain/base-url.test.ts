import { expect, test } from 'vitest'
import { parseAuthority, parseBaseUrl } from './base-url.ts'

test.for([
  ['registry.example.com', 'registry.example.com', null],
  ['Registry.Example.com:5000', 'registry.example.com', 5000],
  ['localhost:65535', 'localhost', 65535],
  ['my_service', 'my_service', null],
  ['127.0.0.1:80', '127.0.0.1', 80],
  ['[::1]', '[::1]', null],
  ['[FE80::1]:8624', '[fe80::1]', 8624],
  ['example.com.', 'example.com.', null],
] as const)('%s is a host', ([text, host, port]) => {
  expect(parseAuthority(text)).toEqual({ host, port })
})

test.for([
  '',
  ':80',
  'a:0',
  'a:65536',
  'a:-1',
  'a:',
  'a:b',
  'a/b',
  'a b',
  'a,b',
  'a"b',
  'a\\b',
  'user@a',
  'a?x',
  'a#x',
  'a..b',
  '-a',
  'a-',
  'a\r\nx',
  'a\n',
  'ä.example',
  '[::1',
  '::1',
  '[::1]x',
  '[:::::]',
  '[1.2.3]',
  '%41',
  'a'.repeat(256),
])('%j is no host', (text) => {
  expect(parseAuthority(text)).toBeUndefined()
})

test('a base URL loses its default port and its slash', () => {
  expect(parseBaseUrl('HTTPS://R.example:443/')).toEqual({
    baseUrl: 'https://r.example',
    service: 'r.example',
  })
  expect(parseBaseUrl('http://[::1]:443')?.baseUrl).toBe('http://[::1]:443')
  expect(parseBaseUrl('https://r.example//')).toBeUndefined()
})

import { expect, test } from 'vitest'
import { addressOf, formatReference, parseReference, shortDigest } from './reference.ts'

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`
const none = { repository: null, tag: null, digest: null }

test.for([
  ['main', { ...none, feed: 'main' }],
  ['main/', { ...none, feed: 'main' }],
  ['main/app', { ...none, feed: 'main', repository: 'app' }],
  ['main/team/sub/app:1.4', { feed: 'main', repository: 'team/sub/app', tag: '1.4', digest: null }],
  [`main/app@${digest}`, { feed: 'main', repository: 'app', tag: null, digest }],
  [`main/app:1@${digest}`, { feed: 'main', repository: 'app', tag: '1', digest }],
] as const)('%s names what it says', ([text, reference]) => {
  expect(parseReference(text)).toEqual(reference)
  expect(parseReference(formatReference(reference))).toEqual(reference)
})

test.for(['', '/', 'main:1', `main@${digest}`, 'main//app', 'main/app:', 'main/app@'])(
  '"%s" names nothing',
  (text) => expect(parseReference(text)).toBeUndefined(),
)

test('the address of a page is the reference, as one would type it', () => {
  const image = { feed: 'main', repository: 'team/app', tag: '1.4', digest }
  expect(addressOf(image)).toBe(`/containers/main/team/app:1.4@${digest}`)
  expect(addressOf({ feed: 'my feed', repository: 'a?b' })).toBe('/containers/my%20feed/a%3Fb')
})

test('a digest is short for people', () => {
  expect(shortDigest(digest)).toBe('sha256:0123456789ab')
})

import { expect, test } from 'vitest'
import type { Digest } from '../../domain/digest.ts'
import { RecentManifests } from './recent-manifests.ts'

test('what came first goes first, as soon as it is too much', () => {
  const recent = new RecentManifests(100)
  const digests = ['a', 'b', 'c'] as unknown as readonly [Digest, Digest, Digest]
  const found = () => digests.filter((each) => recent.find(each) !== undefined)
  const of = (bytes: number) => ({ mediaType: 'x', content: new Uint8Array(bytes) })
  const [a, b, c] = digests
  recent.keep(a, of(60))
  recent.keep(a, of(60))
  recent.keep(b, of(40))
  expect(found()).toEqual([a, b])
  recent.keep(c, of(10))
  expect(found()).toEqual([b, c])
  recent.keep(a, of(101))
  expect(found()).toEqual([])
})

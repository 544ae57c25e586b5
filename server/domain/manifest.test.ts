import { describe, expect, test } from 'vitest'
import { parseManifest } from './manifest.ts'
import { dockerManifest, dockerManifestList, ociIndex, ociManifest } from './media-type.ts'

const descriptor = { mediaType: 'application/json', digest: `sha256:${'a'.repeat(64)}`, size: 1 }

describe('a document that could be an image and an index (image-spec 1.0.2)', () => {
  test.for([
    [ociManifest, { config: descriptor, layers: [], manifests: [] }],
    [dockerManifest, { config: descriptor, layers: [], manifests: [descriptor] }],
    [ociIndex, { manifests: [], config: descriptor }],
    [ociIndex, { manifests: [], layers: [] }],
    [dockerManifestList, { manifests: [descriptor], layers: [descriptor] }],
  ] as const)('%s is refused', ([mediaType, fields]) => {
    const text = JSON.stringify({ schemaVersion: 2, mediaType, ...fields })
    expect(() => parseManifest(text, mediaType)).toThrow(/an (image|index) has no/)
  })
})

test('reads what an image refers to, its layers apart from those that may be absent', () => {
  const foreign = {
    ...descriptor,
    digest: `sha256:${'b'.repeat(64)}`,
    urls: ['https://example.com'],
  }
  const fields = { config: descriptor, layers: [descriptor, foreign], subject: descriptor }
  const text = JSON.stringify({ schemaVersion: 2, ...fields, annotations: { a: 'b' } })
  const manifest = parseManifest(text, ociManifest)
  expect(manifest.layers.map(({ digest }) => digest)).toEqual([descriptor.digest])
  expect(manifest.optional.map(({ digest }) => digest)).toEqual([foreign.digest])
  expect(manifest).toMatchObject({
    subject: descriptor.digest,
    artifactType: 'application/json',
    annotations: { a: 'b' },
  })
})

test.for([
  ['text/html', 'not the type of a manifest'],
  ['application/xhtml+xml', 'not the type of a manifest'],
] as const)('%s is no type of a manifest', ([mediaType, reason]) => {
  expect(() => parseManifest('{}', mediaType)).toThrow(reason)
})

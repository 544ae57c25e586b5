import { expect, test } from 'vitest'
import { labelV2Route } from './route-label.ts'

test.for([
  ['/v2', '/v2/'],
  ['/v2/?n=1', '/v2/'],
  ['/v2/_auth?service=x&scope=a/b/manifests/c', '/v2/_auth'],
  ['/v2/_catalog?n=5', '/v2/_catalog'],
  ['/v2/a/b/tags/list', '/v2/{name}/tags/list'],
  ['/v2/a/b/manifests/sha256:00', '/v2/{name}/manifests/{reference}'],
  ['/v2/a/blobs/uploads/manifests/latest', '/v2/{name}/manifests/{reference}'],
  ['/v2/a/b/blobs/uploads/?mount=x', '/v2/{name}/blobs/uploads/'],
  ['/v2/a/b/blobs/uploads', '/v2/{name}/blobs/uploads/'],
  ['/v2/a/b/blobs/uploads/abc', '/v2/{name}/blobs/uploads/{upload}'],
  ['/v2/a/b/blobs/sha256:00', '/v2/{name}/blobs/{digest}'],
  ['/v2/a/b/referrers/sha256:00', '/v2/{name}/referrers/{digest}'],
  ['/v2/a/b', '/v2/{other}'],
] as const)('%s counts as %s', ([url, label]) => {
  expect(labelV2Route(url)).toBe(label)
})

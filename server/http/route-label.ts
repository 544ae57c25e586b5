/** The patterns of `/v2/`, read from the right end: repository names contain slashes. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/^\/v2\/?$/, '/v2/'],
  [/^\/v2\/_auth$/, '/v2/_auth'],
  [/^\/v2\/_catalog$/, '/v2/_catalog'],
  [/\/tags\/list$/, '/v2/{name}/tags/list'],
  [/\/manifests\/[^/]+$/, '/v2/{name}/manifests/{reference}'],
  [/\/blobs\/uploads\/?$/, '/v2/{name}/blobs/uploads/'],
  [/\/blobs\/uploads\/[^/]+$/, '/v2/{name}/blobs/uploads/{upload}'],
  [/\/blobs\/[^/]+$/, '/v2/{name}/blobs/{digest}'],
  [/\/referrers\/[^/]+$/, '/v2/{name}/referrers/{digest}'],
]

/** Whether an address is `/v2` or below. */
export function isV2(url = ''): boolean {
  return url.startsWith('/v2') && (url.length === 3 || url[3] === '/' || url[3] === '?')
}

/** The pattern that a path on `/v2/` belongs to: what metrics count it under. */
export function labelV2Route(url: string): string {
  const end = url.indexOf('?')
  const path = end === -1 ? url : url.slice(0, end)
  return patterns.find(([pattern]) => pattern.test(path))?.[1] ?? '/v2/{other}'
}

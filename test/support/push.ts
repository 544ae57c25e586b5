import { expect } from 'vitest'
import type { Content, Image, ManifestContent } from './content.ts'
import type { Table } from './rows.ts'
import { type Answer, send } from './wire.ts'

/** Sends as `as` of the table's callers; throws unless the answer has this status. */
async function must(
  table: Table,
  status: number,
  request: Parameters<typeof send>[1] & { readonly as?: string },
): Promise<Answer> {
  const authorization = table.callers[request.as ?? 'admin'] ?? ''
  const answer = await send(table.url, {
    ...request,
    headers: { authorization, ...request.headers },
  })
  const summary = `${request.method} ${request.target}: ${answer.body.toString('utf8')}`
  expect(answer.status, summary).toBe(status)
  return answer
}

/** `name` is `<feed>/<repository>`. */
export async function pushBlob(table: Table, name: string, content: Content): Promise<void> {
  const start = await must(table, 202, { method: 'POST', target: `/v2/${name}/blobs/uploads/` })
  const location = start.headers.location ?? ''
  const join = location.includes('?') ? '&' : '?'
  const target = `${location}${join}digest=${content.digest}`
  await must(table, 201, { method: 'PUT', target, body: content.bytes })
}

export async function pushManifest(
  table: Table,
  name: string,
  manifest: ManifestContent,
  reference: string = manifest.digest,
): Promise<Answer> {
  return await must(table, 201, {
    method: 'PUT',
    target: `/v2/${name}/manifests/${reference}`,
    headers: { 'content-type': manifest.mediaType },
    body: manifest.bytes,
  })
}

/** The blobs, then the manifest: under each tag, or under its digest when there is none. */
export async function pushImage(
  table: Table,
  name: string,
  image: Image,
  tags: readonly string[] = [],
): Promise<void> {
  for (const content of new Map(image.blobs.map((one) => [one.digest, one])).values()) {
    await pushBlob(table, name, content)
  }
  for (const reference of tags.length === 0 ? [image.manifest.digest] : tags) {
    await pushManifest(table, name, image.manifest, reference)
  }
}

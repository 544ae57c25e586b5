import { expect } from 'vitest'
import { checkAnswer } from '../support/answer-rules.ts'
import { type Content, digestOf, type ManifestContent, mediaTypes } from '../support/content.ts'
import { type Answer, basic, jsonOf, type RequestHeaders, send } from '../support/wire.ts'

export interface Ask {
  readonly headers?: RequestHeaders
  readonly body?: Uint8Array
  readonly chunked?: boolean
}

const octets = { 'content-type': mediaTypes.octets }
/** What the suite asks manifests with: two lines. */
export const accept = { accept: [mediaTypes.index, mediaTypes.image] }

/**
 * Speaks to the registry as the conformance suite does: without credentials first, then with a
 * token for what the challenge says, and never from memory.
 */
export class ConformanceClient {
  readonly #url: string
  readonly #login: string

  constructor(url: string, user: string, password: string) {
    this.#url = url
    this.#login = basic(user, password)
  }

  async ask(request: string, ask: Ask = {}): Promise<Answer> {
    const [method = '', target = ''] = request.split(' ')
    const first = await this.#send(method, target, ask)
    if (first.status !== 401) return first
    const token = await this.#token(first)
    const headers = { ...ask.headers, authorization: `Bearer ${token}` }
    return await this.#send(method, target, { ...ask, headers })
  }

  /** As `ask`, but the status must be this one. */
  async must(status: number | readonly number[], request: string, ask: Ask = {}): Promise<Answer> {
    const answer = await this.ask(request, ask)
    const text = answer.body.subarray(0, 300).toString('utf8')
    expect([status].flat(), `${request} → ${answer.status} ${text}`).toContain(answer.status)
    return answer
  }

  async #send(method: string, target: string, ask: Ask): Promise<Answer> {
    const answer = await send(this.#url, { method, target, ...ask })
    checkAnswer({ method, target }, answer)
    return answer
  }

  /** Reads only quoted parameters, as the suite does. */
  async #token(refused: Answer): Promise<string> {
    const header = refused.headers['www-authenticate'] ?? ''
    const parameters = new Map(
      [...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
    )
    const realm = new URL(parameters.get('realm') ?? '')
    expect(realm.origin).toBe(this.#url)
    const query = new URLSearchParams({ service: parameters.get('service') ?? '' })
    const scope = parameters.get('scope')
    if (scope !== undefined) query.set('scope', scope)
    const answer = await this.#send('GET', `${realm.pathname}?${query}`, {
      headers: { authorization: this.#login },
    })
    expect(answer.status).toBe(200)
    return String((jsonOf(answer) as { token: unknown }).token)
  }
}

export function withDigest(location: string, digest: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`
}

function locationOf(answer: Answer): string {
  const location = answer.headers.location
  if (location === undefined) throw new Error('the answer has no Location')
  return location
}

export interface BlobPush {
  readonly client: ConformanceClient
  /** `<feed>/<repository>` */
  readonly name: string
  readonly content: Content
  /** The bytes are spoilt: the end must be 400. */
  readonly badDigest?: boolean
}

/** A blob's Location is followed, and what comes must be the blob. */
export async function verifyBlob({ client, content }: BlobPush, answer: Answer) {
  expect(answer.headers['docker-content-digest']).toBe(content.digest)
  const got = await client.must(200, `GET ${locationOf(answer)}`)
  expect(got.body.equals(content.bytes)).toBe(true)
}

async function startUpload({ client, name }: BlobPush): Promise<string> {
  return locationOf(await client.must(202, `POST /v2/${name}/blobs/uploads/`))
}

async function closeUpload(push: BlobPush, location: string, ask: Ask) {
  const { client, content, badDigest } = push
  const request = `PUT ${withDigest(location, content.digest)}`
  const answer = await client.must(badDigest ? 400 : 201, request, ask)
  if (!badDigest) await verifyBlob(push, answer)
}

export async function pushPostOnly(push: BlobPush) {
  const { client, name, content, badDigest } = push
  const request = `POST ${withDigest(`/v2/${name}/blobs/uploads/`, content.digest)}`
  const ask = { headers: octets, body: content.bytes }
  const answer = await client.must(badDigest ? 400 : 201, request, ask)
  if (!badDigest) await verifyBlob(push, answer)
}

export async function pushPostPut(push: BlobPush) {
  const location = await startUpload(push)
  await closeUpload(push, location, { headers: octets, body: push.content.bytes })
}

export async function pushStream(push: BlobPush) {
  const { client, content } = push
  const location = await startUpload(push)
  const patched = await client.must(202, `PATCH ${location}`, {
    headers: octets,
    body: content.bytes,
    chunked: true,
  })
  await closeUpload(push, locationOf(patched), { headers: octets, body: Buffer.alloc(0) })
}

export interface ChunkOptions {
  readonly putLast?: boolean
  readonly outOfOrder?: boolean
}

const minimumChunk = 1024

/** In three chunks, or fewer if they would be too small. */
export async function pushChunked(push: BlobPush, options: ChunkOptions = {}) {
  const { client, content } = push
  const { length } = content.bytes
  const size = Math.min(Math.max(Math.floor(length / 3) + 1, minimumChunk), length)
  let location = await startUpload(push)
  let start = 0
  while (start < length) {
    if (options.outOfOrder) location = await misplaced(push, { location, start, size, options })
    const end = Math.min(start + size, length) - 1
    const ask = chunk(content, start, end)
    if (options.putLast && end === length - 1) return await closeUpload(push, location, ask)
    const answer = await client.must(202, `PATCH ${location}`, ask)
    expect(answer.headers.range).toBe(`0-${end}`)
    location = locationOf(answer)
    start = end + 1
  }
  await closeUpload(push, location, { headers: octets, body: Buffer.alloc(0) })
}

function chunk(content: Content, start: number, end: number): Ask {
  return {
    headers: { ...octets, 'content-range': `${start}-${end}` },
    body: content.bytes.subarray(start, end + 1),
  }
}

/** A chunk out of its turn is 416; the session then says where it stands, and goes on. */
async function misplaced(
  { client, content }: BlobPush,
  at: {
    readonly location: string
    readonly start: number
    readonly size: number
    readonly options: ChunkOptions
  },
): Promise<string> {
  const { length } = content.bytes
  const wrongStart = at.start + at.size >= length ? 0 : at.start + at.size
  const wrongEnd = Math.min(wrongStart + at.size, length) - 1
  const closes = at.options.putLast && wrongEnd === length - 1
  const request = closes ? `PUT ${withDigest(at.location, content.digest)}` : `PATCH ${at.location}`
  const refused = await client.must(416, request, chunk(content, wrongStart, wrongEnd))
  const status = await client.must(204, `GET ${locationOf(refused)}`)
  expect(status.headers.range).toBe(`0-${Math.max(0, at.start - 1)}`)
  return locationOf(status)
}

export async function mountBlob(push: BlobPush, from: string | undefined): Promise<Answer> {
  const { client, name, content } = push
  const query = new URLSearchParams({ mount: content.digest })
  if (from !== undefined) query.set('from', from)
  return await client.must([201, 202], `POST /v2/${name}/blobs/uploads/?${query}`)
}

export async function cancelUpload(push: BlobPush) {
  const location = await startUpload(push)
  await push.client.must(204, `DELETE ${location}`)
}

export interface ManifestPush {
  readonly client: ConformanceClient
  readonly name: string
  readonly manifest: ManifestContent
}

export function subjectOf(manifest: ManifestContent): string | undefined {
  const { subject } = JSON.parse(manifest.bytes.toString('utf8')) as {
    subject?: { digest: string }
  }
  return subject?.digest
}

/** PUT by tag or digest; the Location is followed, and type, length and bytes must be the same. */
export async function putManifest(push: ManifestPush, reference: string): Promise<Answer> {
  const { client, name, manifest } = push
  const headers = { 'content-type': manifest.mediaType }
  const request = `PUT /v2/${name}/manifests/${reference}`
  const answer = await client.must(201, request, { headers, body: manifest.bytes })
  expect(answer.headers['docker-content-digest']).toBe(manifest.digest)
  expect(answer.headers['oci-subject']).toBe(subjectOf(manifest))
  const got = await client.must(200, `GET ${locationOf(answer)}`, { headers: accept })
  checkManifest(manifest, got)
  expect(got.body.equals(manifest.bytes)).toBe(true)
  return answer
}

export function checkManifest(manifest: ManifestContent, answer: Answer) {
  expect(answer.headers['content-type']).toBe(manifest.mediaType)
  expect(answer.headers['content-length']).toBe(String(manifest.bytes.length))
  expect(answer.headers['docker-content-digest']).toBe(manifest.digest)
  if (answer.body.length === 0) return
  const algorithm = manifest.digest.startsWith('sha512') ? 'sha512' : 'sha256'
  expect(digestOf(answer.body, algorithm)).toBe(manifest.digest)
}

import { type Digest, isDigest } from '../../domain/digest.ts'
import { isTag } from '../../domain/reference.ts'
import { parseJson } from '../../upstream/body.ts'
import type { RegistryClient } from '../../upstream/client.ts'
import { UpstreamError } from '../../upstream/upstream-error.ts'
import type { AnnotatedReferrer } from '../referrers.ts'
import type { Upstream } from './upstream.ts'

/** Lists are read whole, since registries order their pages differently, and kept for a while. */
const maxPages = 200
const maxTags = 100_000
const maxReferrers = 1000
const maxKept = 50
/** Of all that is kept, about; a list that is on its way counts when it is there. */
const maxKeptBytes = 16 * 1024 * 1024
const minKeptMs = 5_000

interface Kept<T> {
  readonly until: number
  readonly list: Promise<readonly T[]>
  bytes: number
}

/** What other registries list, as of at most their freshness ago. */
export class UpstreamLists {
  readonly #now: () => number
  readonly #kept = new Map<string, Kept<unknown>>()

  constructor(now: () => number) {
    this.#now = now
  }

  get keptBytes(): number {
    return [...this.#kept.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** In the order of their bytes; empty for a repository that is not known. Throws UpstreamError. */
  tags(upstream: Upstream, repository: string): Promise<readonly string[]> {
    return this.#keep(upstream, `tags ${repository}`, async () => {
      const question = { operation: 'tags', repository, item: 'tags/list' }
      return (await upstream.ask(question, readTags)) ?? []
    })
  }

  /** By digest. Throws UpstreamError. */
  referrers(
    upstream: Upstream,
    repository: string,
    subject: Digest,
  ): Promise<readonly AnnotatedReferrer[]> {
    return this.#keep(upstream, `referrers ${repository} ${subject}`, async () => {
      const question = { operation: 'referrers', repository, item: `referrers/${subject}` }
      const found = await upstream.ask(question, (client, name) =>
        readReferrers(client, name, subject),
      )
      return found ?? []
    })
  }

  #keep<T>(
    upstream: Upstream,
    what: string,
    read: () => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const key = `${upstream.name} ${what}`
    const known = this.#kept.get(key)
    if (known !== undefined && known.until > this.#now()) {
      return known.list as Promise<readonly T[]>
    }
    const list = read()
    const until = this.#now() + Math.max(minKeptMs, Math.min(upstream.freshnessMs, 300_000))
    const kept: Kept<T> = { until, list, bytes: 0 }
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    list.then(
      (items) => {
        kept.bytes = bytesOf(items)
        this.#dropOldest()
      },
      () => this.#kept.delete(key),
    )
    this.#dropOldest()
    return list
  }

  #dropOldest(): void {
    let bytes = this.keptBytes
    for (const [key, kept] of this.#kept) {
      const isLast = this.#kept.size === 1
      if (isLast || (this.#kept.size <= maxKept && bytes <= maxKeptBytes)) return
      bytes -= kept.bytes
      this.#kept.delete(key)
    }
  }
}

/** Roughly what it takes up in memory. */
function bytesOf(items: readonly unknown[]): number {
  return items.reduce<number>((sum, item) => sum + sizeOf(item), 0)
}

function sizeOf(item: unknown): number {
  if (typeof item === 'string') return 40 + item.length
  const { annotationsBytes = 0 } = item as Partial<AnnotatedReferrer>
  return 400 + annotationsBytes
}

async function readTags(client: RegistryClient, name: string): Promise<string[]> {
  const tags = new Set<string>()
  let path: string | undefined = 'tags/list?n=1000'
  for (let page = 0; path !== undefined && page < maxPages; page += 1) {
    const { json, next } = await client.getList(name, path)
    for (const tag of listOf(json, 'tags')) {
      if (typeof tag === 'string' && isTag(tag)) tags.add(tag)
    }
    path = tags.size < maxTags ? next : undefined
  }
  return [...tags].sort(byBytes)
}

/** OCI distribution-spec, "Unavailable Referrers API": then a tag made of the digest has the list. */
async function readReferrers(
  client: RegistryClient,
  name: string,
  subject: Digest,
): Promise<AnnotatedReferrer[]> {
  try {
    const { json } = await client.getList(name, `referrers/${subject}`)
    return descriptorsIn(json)
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.fault !== 'unknown') throw error
  }
  const { content } = await client.getManifest(name, subject.replace(':', '-'))
  return descriptorsIn(parseJson(content.toString('utf8'), client.host))
}

function descriptorsIn(json: unknown): AnnotatedReferrer[] {
  const found = listOf(json, 'manifests').flatMap((entry) => {
    const fields = typeof entry === 'object' && entry !== null ? { ...entry } : {}
    const { digest, mediaType, size, artifactType, annotations } = fields as Partial<
      Record<'digest' | 'mediaType' | 'size' | 'artifactType' | 'annotations', unknown>
    >
    if (typeof digest !== 'string' || !isDigest(digest)) return []
    const text = annotations === undefined ? null : JSON.stringify(annotations)
    return [
      {
        digest,
        mediaType: typeof mediaType === 'string' ? mediaType : '',
        sizeBytes: typeof size === 'number' ? size : 0,
        artifactType: typeof artifactType === 'string' ? artifactType : null,
        annotations: text,
        annotationsBytes: Buffer.byteLength(text ?? ''),
      },
    ]
  })
  return found.slice(0, maxReferrers).sort((a, b) => byBytes(a.digest, b.digest))
}

function listOf(json: unknown, field: string): unknown[] {
  const value: unknown =
    typeof json === 'object' && json !== null ? Reflect.get(json, field) : undefined
  return Array.isArray(value) ? value : []
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

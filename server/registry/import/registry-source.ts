import { type Digest, isDigest } from '../../domain/digest.ts'
import { isRefusal, RegistryError } from '../../domain/errors.ts'
import type { Descriptor } from '../../domain/manifest.ts'
import { formatReference, type Reference } from '../../domain/reference.ts'
import { type ClientOptions, RegistryClient } from '../../upstream/client.ts'
import { openDownload } from '../../upstream/download.ts'
import type { ImportReport } from './import-report.ts'
import { Patience } from './patience.ts'
import { readManifest } from './read-manifest.ts'
import type { Leftover, Source, SourceBlob, SourceManifest } from './source.ts'

const perPage = 1000
/** A registry whose pages lead in a circle. */
const maxPages = 100_000

/** Any registry that speaks the OCI distribution-spec. */
export class RegistrySource implements Source {
  readonly title: string
  readonly #client: RegistryClient
  readonly #patience: Patience
  /** In front of every repository's name, where the address has a path. */
  readonly #prefix: string
  /** Undefined: nobody has asked yet. */
  #listsReferrers: boolean | undefined

  constructor(options: ClientOptions, report: ImportReport) {
    this.title = options.url.host
    this.#prefix = options.url.pathname.replace(/^\/+|\/+$/g, '')
    this.#client = new RegistryClient(options)
    const ping = () => this.#client.ping()
    const host = this.title
    this.#patience = new Patience({ host, report, ping, unknown: 'MANIFEST_UNKNOWN' })
  }

  /** Whether it is there and lets the caller in. */
  ping(): Promise<void> {
    return this.#patience.once(() => this.#client.ping())
  }

  async *repositories(): AsyncGenerator<string> {
    const first = `/v2/_catalog?n=${perPage}`
    try {
      for await (const name of this.#listed(null, first, 'repositories')) {
        if (this.#prefix === '') yield name
        else if (name.startsWith(`${this.#prefix}/`)) yield name.slice(this.#prefix.length + 1)
      }
    } catch (error) {
      const isRefused = isRefusal(error, 'NAME_UNKNOWN') || isRefusal(error, 'DENIED')
      if (!isRefused) throw error
      const hint =
        'It does not list its repositories, or not to this user: name them, with --repository or --repositories.'
      throw new RegistryError('UNAUTHORIZED', `${error.message} ${hint}`, { cause: error })
    }
  }

  async *tags(repository: string): AsyncGenerator<string> {
    yield* this.#listed(repository, `tags/list?n=${perPage}`, 'tags')
  }

  /** A registry does not tell. */
  async *manifests(): AsyncGenerator<Digest> {}

  async *leftovers(): AsyncGenerator<Leftover> {}

  async findTag(repository: string, tag: string): Promise<Digest | undefined> {
    const said = await this.#patience.run(() => this.#client.headManifest(repository, tag))
    return said !== undefined && isDigest(said) ? said : undefined
  }

  async getManifest(repository: string, reference: Reference): Promise<SourceManifest> {
    const item = formatReference(reference)
    const got = await this.#patience.run(() => this.#client.getManifest(repository, item))
    const said = got.digest !== undefined && isDigest(got.digest) ? got.digest : undefined
    const digest = reference.kind === 'digest' ? reference.digest : said
    // Some say application/json, or nothing: then the manifest itself does.
    const isType = /\+(?:json|prettyjws)$/.test(got.mediaType ?? '')
    return readManifest({
      ...{ content: got.content, digest },
      mediaType: isType ? got.mediaType : undefined,
    })
  }

  /** OCI distribution-spec, "Listing Referrers": who has no such list answers 404 for all. */
  async referrers(repository: string, subject: Digest): Promise<readonly Digest[]> {
    if (this.#listsReferrers === false) return []
    const found: Digest[] = []
    try {
      const list = this.#pages(repository, `referrers/${subject}`)
      for await (const page of list) found.push(...digestsIn(page))
      this.#listsReferrers = true
    } catch (error) {
      const isKnown = this.#listsReferrers === true
      const isMissing = isRefusal(error, 'NAME_UNKNOWN') || isRefusal(error, 'UPSTREAM_FAILED')
      if (isKnown || !isMissing) throw error
      this.#listsReferrers = false
    }
    return found
  }

  async openBlob(
    repository: string,
    { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  ): Promise<SourceBlob> {
    const chunks = (start: number, signal: AbortSignal) =>
      this.#chunks({ repository, digest }, start, signal)
    return { sizeBytes: size, file: null, chunks }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client[Symbol.dispose]()
  }

  /** Goes on where it broke off, however often. */
  async *#chunks(
    { repository, digest }: { readonly repository: string; readonly digest: Digest },
    start: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    let at = start
    for (let failures = 0; ; ) {
      try {
        const download = await openDownload(this.#client, repository, digest, at)
        for await (const piece of download.chunks(signal)) {
          at += piece.byteLength
          failures = 0
          yield piece
        }
        return
      } catch (error) {
        signal.throwIfAborted()
        failures += 1
        await this.#patience.rest(error, failures, 'BLOB_UNKNOWN')
      }
    }
  }

  async *#listed(name: string | null, path: string, field: string): AsyncGenerator<string> {
    for await (const page of this.#pages(name, path)) {
      // Some say null where there is none.
      const items = fieldOf(page, field)
      for (const item of Array.isArray(items) ? items : []) {
        if (typeof item === 'string') yield item
      }
    }
  }

  async *#pages(name: string | null, first: string): AsyncGenerator<unknown> {
    let path: string | undefined = first
    for (let page = 0; path !== undefined; page += 1) {
      const asked: string = path
      if (page >= maxPages) {
        throw new RegistryError('UPSTREAM_FAILED', `${this.title} has no last page of ${first}.`)
      }
      const { json, next } = await this.#patience.run(
        () => this.#client.getList(name, asked),
        'NAME_UNKNOWN',
      )
      yield json
      path = next === asked ? undefined : next
    }
  }
}

function digestsIn(json: unknown): Digest[] {
  const entries = fieldOf(json, 'manifests')
  return (Array.isArray(entries) ? entries : []).flatMap((entry: unknown) => {
    const digest = fieldOf(entry, 'digest')
    return typeof digest === 'string' && isDigest(digest) ? [digest] : []
  })
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

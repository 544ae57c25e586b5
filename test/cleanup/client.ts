import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../support/random.ts'
import { type Reply, sha256 } from '../support/registry-client.ts'
import { type BlobPush, ensureBlob, type LayerPool } from './blobs.ts'
import { type KnownManifest, Ledger } from './ledger.ts'
import { count, demand, ServerGone, type World } from './world.ts'

const types = {
  image: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const

/** Pushes, tags, deletes and pulls what is its own, and writes down what it was promised. */
export class Client {
  readonly world: World
  readonly random: Random
  readonly number: number
  /** By repository. */
  readonly ledgers: ReadonlyMap<string, Ledger>
  readonly #layers: LayerPool
  readonly #configs = new Map<string, Buffer>()
  #serial = 0
  /** Finds out what became of a request that was not answered. */
  #unanswered: (() => Promise<void>) | undefined

  constructor(of: {
    readonly world: World
    readonly random: Random
    readonly number: number
    readonly layers: LayerPool
  }) {
    this.world = of.world
    this.random = of.random
    this.number = of.number
    this.#layers = of.layers
    this.ledgers = new Map(of.world.repositories.map((name) => [name, new Ledger()]))
  }

  async actUntil(stop: AbortSignal): Promise<void> {
    while (!stop.aborted && this.world.faults.length === 0) {
      const [name, act] = this.random.pick(weighted)
      try {
        await act.call(this)
        count(this.world, name)
      } catch (error) {
        if (error instanceof ServerGone) return
        this.world.faults.push(`client ${this.number}, ${name}: ${(error as Error).message}`)
      }
      // Some promises get old before they are used.
      if (this.random.chance(0.1)) await sleep(this.random.between(0, this.world.graceMs * 1.5))
    }
  }

  /** After a kill: the server shows what has happened and what has not. */
  async settle(): Promise<void> {
    await this.#unanswered?.()
    this.#unanswered = undefined
  }

  async #status(repository: string, reference: string): Promise<Reply> {
    const path = `/v2/${repository}/manifests/${reference}`
    return demand(this.world, { method: 'GET', path }, [200, 404])
  }

  #place(): { repository: string; ledger: Ledger } {
    // Mostly at home, so that there is something to build on.
    const { repositories } = this.world
    const home = repositories[this.number % repositories.length]
    const repository = home && this.random.chance(0.8) ? home : this.random.pick(repositories)
    return { repository, ledger: this.#ledgerOf(repository) }
  }

  #ledgerOf(repository: string): Ledger {
    const ledger = this.ledgers.get(repository)
    if (!ledger) throw new Error(`no repository ${repository}`)
    return ledger
  }

  async pushImage(): Promise<void> {
    const { repository, ledger } = this.#place()
    const image = this.#makeImage(null)
    await this.#push(repository, ledger, image, this.#maybeTag())
  }

  async sign(): Promise<void> {
    const { repository, ledger } = this.#place()
    const kept = ledger.of('kept')
    if (kept.length === 0) return
    const subject = this.random.pick(kept)
    await this.#push(repository, ledger, this.#makeImage(subject), undefined)
  }

  async pushIndex(): Promise<void> {
    const { repository, ledger } = this.#place()
    const known = [...ledger.manifests.values()].filter(({ state }) => state !== 'gone')
    if (known.length < 2) return
    const children = [...new Set([this.random.pick(known), this.random.pick(known)])]
    for (const child of children) await this.#pushAgainIfGone(repository, ledger, child)
    this.#serial += 1
    const content = jsonOf({
      schemaVersion: 2,
      mediaType: types.index,
      manifests: children.map((child) => ({
        ...{ mediaType: child.mediaType, digest: child.digest, size: child.content.byteLength },
      })),
      annotations: { serial: `${this.number}/${this.#serial}` },
    })
    const index = this.#known(content, {
      ...{ mediaType: types.index, blobs: [], subject: null },
      children: children.map(({ digest }) => digest),
    })
    await this.#push(repository, ledger, index, this.#maybeTag())
  }

  /** What clean-up may have taken can be pushed again at any time. */
  async pushOrphanAgain(): Promise<void> {
    const { repository, ledger } = this.#place()
    const orphans = [...ledger.of('orphan'), ...ledger.of('unsure')]
    if (orphans.length === 0) return
    await this.#push(repository, ledger, this.random.pick(orphans), this.#maybeTag())
  }

  async moveTag(): Promise<void> {
    const { repository, ledger } = this.#place()
    const kept = ledger.of('kept')
    if (kept.length === 0) return
    await this.#push(repository, ledger, this.random.pick(kept), this.#tag())
  }

  async deleteTag(): Promise<void> {
    const { repository, ledger } = this.#place()
    const tag = this.#tag()
    const path = `/v2/${repository}/manifests/${tag}`
    this.#unanswered = async () => {
      if ((await this.#status(repository, tag)).status === 404) ledger.untag(tag)
    }
    await demand(this.world, { method: 'DELETE', path }, [202, 404])
    this.#unanswered = undefined
    ledger.untag(tag)
  }

  async deleteManifest(): Promise<void> {
    const { repository, ledger } = this.#place()
    const free = [...ledger.manifests.values()].filter(
      ({ digest, state }) => state !== 'gone' && ledger.parents(digest).length === 0,
    )
    if (free.length === 0) return
    const manifest = this.random.pick(free)
    const statuses = manifest.state === 'kept' ? [202] : [202, 404]
    const path = `/v2/${repository}/manifests/${manifest.digest}`
    this.#unanswered = async () => {
      const { status } = await this.#status(repository, manifest.digest)
      if (status === 404) ledger.delete(manifest)
    }
    await demand(this.world, { method: 'DELETE', path }, statuses)
    this.#unanswered = undefined
    ledger.delete(manifest)
  }

  async pull(): Promise<void> {
    const { repository, ledger } = this.#place()
    const kept = ledger.of('kept')
    if (kept.length === 0) return
    await this.check(repository, ledger, this.random.pick(kept))
  }

  /** A blob that was promised a moment ago can be pulled. */
  async pullPromised(): Promise<void> {
    const { repository } = this.#place()
    const digest = this.random.pick(this.#layers.digests)
    const promisedAt = await this.#ensure(repository, digest)
    await sleep(this.random.between(0, this.world.graceMs))
    const path = `/v2/${repository}/blobs/${digest}`
    const reply = await demand(this.world, { method: 'GET', path }, [200, 404])
    if (reply.status === 200 && sha256(reply.body) !== digest)
      throw new Error(`${path}: other bytes`)
    if (reply.status === 404 && this.#isInTime(promisedAt))
      throw new Error(`${path}: gone too soon`)
  }

  /** Everything of a kept manifest is there, byte for byte. */
  async check(repository: string, ledger: Ledger, manifest: KnownManifest): Promise<void> {
    const path = `/v2/${repository}/manifests/${manifest.digest}`
    const reply = await demand(this.world, { method: 'GET', path }, [200])
    if (!reply.body.equals(manifest.content)) throw new Error(`${path}: other bytes`)
    for (const digest of manifest.blobs) {
      const blobPath = `/v2/${repository}/blobs/${digest}`
      const blob = await demand(this.world, { method: 'GET', path: blobPath }, [200])
      if (sha256(blob.body) !== digest) throw new Error(`${blobPath}: other bytes`)
    }
    for (const child of manifest.children) await this.check(repository, ledger, ledger.get(child))
  }

  contentOf(digest: string): Buffer {
    return this.#configs.get(digest) ?? this.#layers.contentOf(digest)
  }

  /** The server promises its children, or they are pushed again. */
  async #pushAgainIfGone(repository: string, ledger: Ledger, child: KnownManifest): Promise<void> {
    const path = `/v2/${repository}/manifests/${child.digest}`
    const statuses = child.state === 'kept' ? [200] : [200, 404]
    const head = await demand(this.world, { method: 'HEAD', path }, statuses)
    if (head.status === 404) await this.#push(repository, ledger, child, undefined)
  }

  /** Pushes what it refers to, then the manifest: it must be accepted while the promises last. */
  async #push(
    repository: string,
    ledger: Ledger,
    manifest: KnownManifest,
    tag: string | undefined,
  ): Promise<void> {
    for (;;) {
      let promisedAt = performance.now()
      for (const child of manifest.children) {
        await this.#pushAgainIfGone(repository, ledger, ledger.get(child))
      }
      for (const digest of manifest.blobs) {
        promisedAt = Math.min(promisedAt, await this.#ensure(repository, digest))
      }
      const path = `/v2/${repository}/manifests/${tag ?? manifest.digest}`
      const headers = { 'content-type': manifest.mediaType }
      const put = { method: 'PUT', path, headers, body: manifest.content }
      const pushed = { manifest, tag }
      this.#unanswered = () => this.#findOut(repository, ledger, pushed)
      const reply = await demand(this.world, put, [201, 400])
      this.#unanswered = undefined
      if (reply.status === 201) break
      if (this.#isInTime(promisedAt)) {
        throw new Error(
          `${path}: refused what was promised: ${reply.body.toString().slice(0, 300)}`,
        )
      }
      count(this.world, 'push that took too long')
    }
    await this.#accept(repository, ledger, { manifest, tag })
  }

  /** A manifest and its tag come together, or not at all. */
  async #findOut(
    repository: string,
    ledger: Ledger,
    pushed: { readonly manifest: KnownManifest; readonly tag: string | undefined },
  ): Promise<void> {
    const { manifest, tag } = pushed
    const known = ledger.manifests.get(manifest.digest)?.state ?? 'gone'
    const found = await this.#status(repository, tag ?? manifest.digest)
    const isThere = found.status === 200 && found.body.equals(manifest.content)
    if (!isThere) return
    const isCertain = known === 'gone' || (tag !== undefined && !manifest.tags.has(tag))
    if (isCertain) await this.#accept(repository, ledger, pushed)
    else if (known === 'orphan') ledger.doubt(manifest)
  }

  async #accept(
    repository: string,
    ledger: Ledger,
    { manifest, tag }: { readonly manifest: KnownManifest; readonly tag: string | undefined },
  ): Promise<void> {
    // The new manifest has to be known before its tag tells what else is held.
    if (tag !== undefined) {
      ledger.untag(tag)
      manifest.tags.add(tag)
    }
    const there = ledger.accept(manifest)
    for (let next = there.pop(); next; next = there.pop()) {
      for (const referrer of ledger.waitingReferrers(next.digest)) {
        const path = `/v2/${repository}/manifests/${referrer.digest}`
        const { status } = await demand(this.world, { method: 'GET', path }, [200, 404])
        if (status === 404) referrer.state = 'gone'
        else if (next.state === 'kept') there.push(...ledger.accept(referrer))
      }
    }
  }

  #ensure(repository: string, digest: string): Promise<number> {
    const push: BlobPush = { repository, digest, content: this.contentOf(digest) }
    return ensureBlob(this.world, this.random, push)
  }

  #isInTime(promisedAt: number): boolean {
    return performance.now() - promisedAt < this.world.graceMs
  }

  #makeImage(subject: KnownManifest | null): KnownManifest {
    this.#serial += 1
    const config = jsonOf({ author: `${this.number}/${this.#serial}` })
    const configDigest = sha256(config)
    this.#configs.set(configDigest, config)
    const layers = Array.from({ length: this.random.between(1, 4) }, () =>
      this.random.pick(this.#layers.digests),
    )
    const content = jsonOf({
      schemaVersion: 2,
      mediaType: types.image,
      config: { mediaType: types.config, digest: configDigest, size: config.byteLength },
      layers: layers.map((digest) => ({
        ...{ mediaType: types.layer, digest, size: this.contentOf(digest).byteLength },
      })),
      ...(subject && {
        subject: {
          ...{ mediaType: subject.mediaType, digest: subject.digest },
          size: subject.content.byteLength,
        },
      }),
    })
    return this.#known(content, {
      ...{ mediaType: types.image, blobs: [configDigest, ...new Set(layers)], children: [] },
      subject: subject?.digest ?? null,
    })
  }

  #known(
    content: Buffer,
    says: Pick<KnownManifest, 'mediaType' | 'blobs' | 'children' | 'subject'>,
  ): KnownManifest {
    return { ...says, content, digest: sha256(content), tags: new Set(), state: 'kept', losses: 0 }
  }

  #maybeTag(): string | undefined {
    return this.random.chance(0.5) ? this.#tag() : undefined
  }

  #tag(): string {
    return `client-${this.number}-${this.random.between(1, 3)}`
  }
}

const actions: readonly (readonly [
  weight: number,
  name: string,
  act: (this: Client) => Promise<void>,
])[] = [
  [6, 'image', Client.prototype.pushImage],
  [4, 'index', Client.prototype.pushIndex],
  [3, 'signature', Client.prototype.sign],
  [3, 'orphan again', Client.prototype.pushOrphanAgain],
  [3, 'tag', Client.prototype.moveTag],
  [2, 'untag', Client.prototype.deleteTag],
  [9, 'deletion', Client.prototype.deleteManifest],
  [4, 'pull', Client.prototype.pull],
  [3, 'pull of a promise', Client.prototype.pullPromised],
]
const weighted = actions.flatMap(([weight, name, act]) =>
  Array.from({ length: weight }, () => [name, act] as const),
)

function jsonOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

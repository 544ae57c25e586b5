import { gzipSync } from 'node:zlib'
import {
  type Algorithm,
  absentDigest,
  type Content,
  contentOf,
  type Descriptor,
  descriptor,
  type ManifestContent,
  manifestOf,
  mediaTypes,
  platform,
  seededBytes,
} from '../support/content.ts'

/** What the conformance suite pushes, lists, pulls, looks up and deletes as one. */
export interface DataSet {
  readonly name: string
  readonly blobs: readonly Content[]
  /** In the order of pushing. */
  readonly manifests: readonly ManifestContent[]
  readonly tags: ReadonlyMap<string, ManifestContent>
  /** By the subject's digest. */
  readonly referrers: ReadonlyMap<string, readonly Referrer[]>
  /** Tags go with the push by digest, as `?tag=`. */
  readonly tagParameters: boolean
  /** Its manifest's digest is not that of its bytes. */
  readonly badDigest: boolean
}

export interface Referrer {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly artifactType: string | undefined
  readonly annotations: Readonly<Record<string, string>> | undefined
}

const exampleType1 = 'application/vnd.example.oci.conformance.v1'
const exampleType2 = 'application/vnd.example.oci.conformance.v2'

interface Options {
  readonly tag?: string
  readonly algorithm?: Algorithm
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly subject?: Descriptor
  readonly architecture?: string
  readonly layerCount?: number
  readonly compressed?: boolean
  /** Descriptors carry their content too. */
  readonly withData?: boolean
  /** A field that nobody knows, in config and manifests. */
  readonly extraField?: boolean
  /** An artifact: empty config, layers of this type. */
  readonly layerType?: string
  /** The artifact's layer is this, not random. */
  readonly layerText?: string
}

/** Gathers one data set; a set's name is the seed of all its bytes. */
class Builder {
  readonly name: string
  readonly blobs = new Map<string, Content>()
  readonly manifests: ManifestContent[] = []
  readonly tags = new Map<string, ManifestContent>()
  readonly referrers = new Map<string, Referrer[]>()
  #count = 0

  constructor(name: string) {
    this.name = name
  }

  /** Another seed at every call. */
  seed(): string {
    this.#count += 1
    return `conformance ${this.name} ${this.#count}`
  }

  image(options: Options = {}): ManifestContent {
    const count = options.layerCount ?? (options.layerType === undefined ? 2 : 1)
    const layers = Array.from({ length: count }, () => this.layer(options))
    return this.imageOf(this.config(options), layers, options)
  }

  imageOf(config: Descriptor, layers: readonly Descriptor[], options: Options): ManifestContent {
    const { annotations, artifactType, subject } = options
    const value = {
      schemaVersion: 2,
      mediaType: mediaTypes.image,
      artifactType,
      config,
      layers,
      subject,
      annotations,
      ...this.#extra(options),
    }
    const manifest = manifestOf(value, mediaTypes.image, options.algorithm)
    return this.#keep(manifest, options, artifactType ?? config.mediaType)
  }

  index(children: readonly Descriptor[], options: Options = {}): ManifestContent {
    const { annotations, artifactType, subject } = options
    const value = {
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      artifactType,
      manifests: children,
      subject,
      annotations,
      ...this.#extra(options),
    }
    const manifest = manifestOf(value, mediaTypes.index, options.algorithm)
    return this.#keep(manifest, options, artifactType)
  }

  /** An index over images of two platforms, made with the same options. */
  platforms(options: Options = {}, architectures: readonly string[] = ['amd64', 'arm64']) {
    const children = architectures.map((architecture) => {
      const { tag: _, ...rest } = options
      return descriptor(this.image({ ...rest, architecture }), '', platform(architecture))
    })
    return this.index(children, options)
  }

  layer(options: Options): Descriptor {
    if (options.layerType !== undefined) {
      const bytes = options.layerText ?? seededBytes(this.seed(), 2048)
      return this.blob(bytes, options.layerType, options)
    }
    const text = `Conformance test file ${this.seed()}\n`
    return options.compressed === false
      ? this.blob(text, mediaTypes.layer, options)
      : this.blob(gzipSync(text), mediaTypes.gzipLayer, options)
  }

  config(options: Options): Descriptor {
    if (options.layerType !== undefined) return this.blob('{}', mediaTypes.empty, options)
    const value = {
      author: this.seed(),
      os: 'linux',
      architecture: options.architecture ?? 'amd64',
      rootfs: { type: 'layers', diff_ids: [] },
      ...this.#extra(options),
    }
    return this.blob(JSON.stringify(value), mediaTypes.config, options)
  }

  blob(bytes: Uint8Array | string, mediaType: string, options: Options): Descriptor {
    const content = contentOf(bytes, options.algorithm)
    this.blobs.set(content.digest, content)
    const data = options.withData ? { data: content.bytes.toString('base64') } : {}
    return descriptor(content, mediaType, data)
  }

  done(more: Partial<Pick<DataSet, 'tagParameters' | 'badDigest'>> = {}): DataSet {
    const { name, manifests, tags, referrers } = this
    const blobs = [...this.blobs.values()]
    return {
      name,
      blobs,
      manifests,
      tags,
      referrers,
      tagParameters: false,
      badDigest: false,
      ...more,
    }
  }

  #extra({ extraField }: Options): Record<string, string> {
    return extraField ? { [`org.example.${this.#count}`]: this.seed() } : {}
  }

  #keep(manifest: ManifestContent, options: Options, artifactType: string | undefined) {
    this.manifests.push(manifest)
    if (options.tag !== undefined) this.tags.set(options.tag, manifest)
    if (options.subject !== undefined) {
      const { digest } = options.subject
      const { mediaType, size } = manifest
      const { annotations } = options
      const entry = { mediaType, digest: manifest.digest, size, artifactType, annotations }
      this.referrers.set(digest, [...(this.referrers.get(digest) ?? []), entry])
    }
    return manifest
  }
}

type Make = (set: Builder) => Partial<Pick<DataSet, 'tagParameters' | 'badDigest'>> | undefined

const artifact = { artifactType: exampleType1, layerType: exampleType1 }
const note = { 'org.opencontainers.conformance': 'hello conformance test' }
const noted = (set: Builder) => ({ annotations: { ...note, 'org.example.unique': set.seed() } })

function addForeignLayers(set: Builder) {
  const foreign = (mediaType: string, size: number): Descriptor => {
    const digest = absentDigest(set.seed())
    const url = `https://store.example.test/blobs/${digest.replace(':', '/')}`
    return { mediaType, digest, size, urls: [url] }
  }
  const layers = [
    foreign(mediaTypes.foreignGzipLayer, 123456),
    foreign(mediaTypes.foreignLayer, 12345),
    set.layer({}),
  ]
  set.imageOf(set.config({}), layers, { tag: 'non-distributable-image' })
}

function addSparse(set: Builder) {
  set.image({ tag: 'sparse-image' })
  // The first layer is referred to, but never pushed.
  const [first] = set.blobs.keys()
  set.blobs.delete(first ?? '')
  const present = set.image({ architecture: 'amd64' })
  const absent = { mediaType: mediaTypes.image, digest: absentDigest(set.seed()), size: 1024 }
  set.index([descriptor(present, '', platform('amd64')), { ...absent, ...platform('arm64') }], {
    tag: 'sparse-index',
  })
}

function addTagParameters(set: Builder, algorithm: Algorithm) {
  set.platforms({ algorithm, tag: set.name })
  for (const [i, manifest] of set.manifests.entries()) set.tags.set(`${set.name}-${i}`, manifest)
}

/** The suite's data sets by their names there. */
const makers: Readonly<Record<string, Make>> = {
  image: (set) => void set.image({ tag: 'image' }),
  'image-uncompressed': (set) => void set.image({ tag: 'image-uncompressed', compressed: false }),
  'large-manifest': (set) => {
    const annotations = Object.fromEntries(
      Array.from({ length: 390 }, (_, i) => [`large-annotation-${i}`, 'A'.repeat(10_000)]),
    )
    set.image({ tag: 'large-manifest', annotations })
    return undefined
  },
  index: (set) => void set.platforms({ tag: 'index' }),
  'nested-index': (set) => {
    const inner = [set.platforms(), set.platforms()].map((one) => descriptor(one))
    set.index(inner, { tag: 'index-of-index' })
    return undefined
  },
  'empty-index': (set) => void set.platforms({ tag: 'index' }, []),
  artifact: (set) => void set.image({ ...artifact, tag: 'artifact' }),
  'artifact-index': (set) => void set.platforms({ ...artifact, tag: 'artifact-index' }),
  'artifact-without-layers': (set) =>
    void set.image({
      artifactType: exampleType1,
      layerType: mediaTypes.empty,
      layerText: '{}',
      tag: 'artifact-without-layers',
    }),
  'artifacts-with-subject': (set) => {
    const subject = descriptor(set.image({ tag: 'image' }))
    set.image({ subject })
    set.image({ ...artifact, ...noted(set), subject, tag: 'tagged-artifact1' })
    set.image({
      artifactType: exampleType2,
      layerType: mediaTypes.octets,
      ...noted(set),
      subject,
      tag: 'tagged-artifact2',
    })
    return undefined
  },
  'index-with-subject': (set) => {
    const subject = descriptor(set.platforms({ tag: 'index' }))
    set.platforms({ ...artifact, ...noted(set), subject, tag: 'tagged-artifact' })
    return undefined
  },
  'missing-subject': (set) => {
    const subject = { mediaType: mediaTypes.image, digest: absentDigest(set.seed()), size: 123 }
    set.image({ ...artifact, ...noted(set), subject, tag: 'tagged-artifact' })
    return undefined
  },
  'data-field': (set) => void set.image({ tag: 'data-field', withData: true }),
  'non-distributable-layers': (set) => void addForeignLayers(set),
  'custom-fields': (set) => void set.platforms({ tag: 'custom-fields', extraField: true }),
  'no-layers': (set) => void set.image({ tag: 'no-layers', layerCount: 0 }),
  sparse: (set) => void addSparse(set),
  sha512: (set) => void set.platforms({ algorithm: 'sha512' }),
  'tag-param-sha256': (set) => {
    addTagParameters(set, 'sha256')
    return { tagParameters: true }
  },
  'tag-param-sha512': (set) => {
    addTagParameters(set, 'sha512')
    return { tagParameters: true }
  },
  'bad-digest-image': (set) => {
    const manifest = set.image()
    const bytes = Buffer.concat([manifest.bytes, Buffer.from('  ')])
    set.manifests.splice(0, 1, { ...manifest, bytes })
    return { badDigest: true }
  },
}

export function makeDataSets(): DataSet[] {
  return Object.entries(makers).map(([name, make]) => {
    const set = new Builder(name)
    const more = make(set)
    return set.done(more)
  })
}

/** An image with one layer for the suite's last cases. */
export function makeInvalidDigestSet(): DataSet {
  const set = new Builder('invalid-manifest-digest')
  set.image({ layerCount: 1 })
  return set.done()
}

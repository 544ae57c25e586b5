import {
  absentDigest,
  artifact,
  blob,
  contentOf,
  descriptor,
  dockerImage,
  image,
  index,
  type ManifestContent,
  manifestOf,
  mediaTypes,
  platform,
} from '../../support/content.ts'
import { type Scenario, type Step, step } from '../steps.ts'
import { pushBlobs, pushImage, putManifest, readManifest } from './images.ts'

const oci = image('manifests')
const docker = dockerImage('manifests')
const arm = dockerImage('manifests arm')
const list = manifestOf(
  {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerList,
    manifests: [
      descriptor(docker.manifest, '', platform('amd64')),
      descriptor(arm.manifest, '', platform('arm64')),
    ],
  },
  mediaTypes.dockerList,
)
const ociIndex = index([descriptor(oci.manifest, '', platform('amd64'))])
const sbom = artifact('sbom', 'application/vnd.example.sbom', {
  subject: descriptor(oci.manifest),
})

const get = (reference: string, accept: string | null, shows: readonly string[] = []) =>
  step(`GET /v2/$repo/manifests/${reference}`, {
    ...(accept !== null && { headers: { accept } }),
    shows,
  })

/** An image manifest with fields put in place of others, pushed by tag. */
function changed(fields: Readonly<Record<string, unknown>>, mediaType?: string): ManifestContent {
  const value = JSON.parse(oci.manifest.bytes.toString()) as Record<string, unknown>
  return manifestOf({ ...value, ...fields }, mediaType)
}

const known = (tag: string, shows: readonly string[] = []) =>
  step('GET /v2/$repo/manifests/1', {
    headers: { accept: mediaTypes.image, 'if-none-match': tag },
    shows,
  })

const text = (body: string, type: string, shows: readonly string[] = []): Step =>
  step('PUT /v2/$repo/manifests/bad', { headers: { 'content-type': type }, body, shows })

export const manifestScenarios: readonly Scenario[] = [
  {
    name: 'an OCI image by tag',
    steps: [
      ...pushImage(oci, '1.0'),
      ...readManifest(oci.manifest, '1.0'),
      ...readManifest(oci.manifest, oci.manifest.digest),
      get('1.0', null, ['accept-oci']),
      get('1.0', '*/*', ['accept-oci']),
      get('1.0', mediaTypes.dockerImage, ['accept-oci']),
      get(oci.manifest.digest, null, ['accept-oci']),
    ],
  },
  {
    name: 'an OCI image by digest',
    steps: [
      ...pushImage(oci, oci.manifest.digest),
      ...readManifest(oci.manifest, oci.manifest.digest),
      putManifest(oci.manifest, oci.manifest.digest),
      step('GET /v2/$repo/tags/list', { shows: ['tags-none'] }),
    ],
  },
  {
    name: 'a Docker image',
    steps: [
      ...pushImage(docker, 'v2'),
      ...readManifest(docker.manifest, 'v2'),
      ...readManifest(docker.manifest, docker.manifest.digest),
      get('v2', null, ['accept-docker']),
      get('v2', mediaTypes.image, ['accept-docker']),
      get('v2', '*/*', ['accept-docker']),
      get('v2', `${mediaTypes.dockerImage}, ${mediaTypes.image}`),
    ],
  },
  {
    name: 'a Docker list',
    steps: [
      ...pushImage(docker, docker.manifest.digest),
      ...pushImage(arm, arm.manifest.digest),
      putManifest(list, 'multi'),
      ...readManifest(list, 'multi'),
      ...readManifest(list, list.digest),
      get('multi', null, ['accept-docker']),
      get('multi', mediaTypes.dockerImage, ['accept-list']),
      get(list.digest, mediaTypes.dockerImage),
    ],
  },
  {
    name: 'an OCI index',
    steps: [
      ...pushImage(oci, oci.manifest.digest),
      putManifest(ociIndex, 'multi'),
      ...readManifest(ociIndex, 'multi'),
      get('multi', null, ['accept-oci']),
      get('multi', mediaTypes.image, ['accept-oci']),
    ],
  },
  {
    name: 'an index of indexes, and an empty one',
    steps: [
      ...pushImage(oci, oci.manifest.digest),
      putManifest(ociIndex, ociIndex.digest),
      putManifest(index([descriptor(ociIndex)]), 'nested'),
      putManifest(index([]), 'empty'),
    ],
  },
  {
    name: 'an artifact, and one with a subject',
    steps: [
      ...pushImage(artifact('plain', 'application/vnd.example.thing'), 'thing'),
      ...pushImage(oci, '1'),
      ...pushBlobs(sbom),
      putManifest(sbom.manifest, sbom.manifest.digest, { shows: ['subject'] }),
      ...readManifest(sbom.manifest, sbom.manifest.digest),
      step(`GET /v2/$repo/referrers/${oci.manifest.digest}`, { shows: ['referrers'] }),
    ],
  },
  {
    name: 'an image without layers',
    steps: [...pushImage(image('bare', { layerCount: 0 }), 'bare')],
  },
  {
    name: 'a layer that is elsewhere',
    steps: [
      ...pushBlobs(oci),
      putManifest(
        changed({
          layers: [
            descriptor(blob('elsewhere'), mediaTypes.foreignGzipLayer, {
              urls: ['https://example.com/layer'],
            }),
          ],
        }),
        'foreign',
        { shows: ['foreign-layer-url'] },
      ),
      putManifest(
        changed({ layers: [descriptor(blob('elsewhere'), mediaTypes.foreignGzipLayer)] }),
        'nowhere',
        { shows: ['foreign-layer'] },
      ),
    ],
  },
  {
    name: 'an image whose blobs are missing',
    steps: [
      putManifest(oci.manifest, 'none', { shows: ['missing-many'] }),
      ...pushBlobs(image('manifests', { layerCount: 1 })),
      putManifest(oci.manifest, 'one-layer-missing'),
      get('none', mediaTypes.image),
    ],
  },
  {
    name: 'an index whose images are missing',
    steps: [putManifest(ociIndex, 'none'), putManifest(list, 'none', { shows: ['missing-many'] })],
  },
  {
    name: 'a manifest under a digest that is not its own',
    steps: [
      ...pushBlobs(oci),
      putManifest(oci.manifest, absentDigest('other')),
      putManifest(oci.manifest, 'sha256:abc', { shows: ['manifest-digest-invalid'] }),
      putManifest(oci.manifest, 'md5:d41d8cd98f00b204e9800998ecf8427e', {
        shows: ['manifest-digest-invalid'],
      }),
    ],
  },
  {
    name: 'a manifest by its sha512',
    steps: [
      ...pushBlobs(oci),
      putManifest(oci.manifest, contentOf(oci.manifest.bytes, 'sha512').digest, {
        shows: ['sha512-manifest'],
      }),
    ],
  },
  {
    name: 'what is no manifest',
    steps: [
      text('', mediaTypes.image),
      text('{', mediaTypes.image),
      text('[]', mediaTypes.image),
      text('null', mediaTypes.image, ['manifest-nonsense']),
      text('{}', mediaTypes.image, ['manifest-nonsense']),
      text('"text"', mediaTypes.image),
      text('{"schemaVersion":1}', mediaTypes.image, ['manifest-nonsense']),
      text('{"schemaVersion":2}', mediaTypes.index),
      text('{"schemaVersion":2,"layers":"x"}', mediaTypes.image),
      text('{"schemaVersion":2}', mediaTypes.dockerImage),
    ],
  },
  {
    name: 'types that do not fit',
    steps: [
      ...pushBlobs(oci),
      putManifest(oci.manifest, 'a', { headers: { 'content-type': mediaTypes.index } }),
      putManifest(oci.manifest, 'b', { headers: { 'content-type': mediaTypes.dockerImage } }),
      putManifest(oci.manifest, 'c', { headers: { 'content-type': 'application/json' } }),
      putManifest(oci.manifest, 'd', { headers: { 'content-type': 'text/plain' } }),
      putManifest(oci.manifest, 'e', { headers: {}, shows: ['manifest-type'] }),
      putManifest(oci.manifest, 'f', {
        headers: { 'content-type': `${mediaTypes.image}; charset=utf-8` },
      }),
      ...readManifest(oci.manifest, 'f'),
      putManifest(changed({ mediaType: undefined }), 'g'),
      putManifest(changed({ mediaType: undefined, schemaVersion: 1 }), 'h', {
        shows: ['manifest-nonsense'],
      }),
    ],
  },
  {
    name: 'schema 1',
    steps: [
      text('{"schemaVersion":1,"name":"a","tag":"b"}', mediaTypes.schema1),
      text('{"schemaVersion":1,"name":"a","tag":"b"}', mediaTypes.schema1Signed),
    ],
  },
  {
    name: 'an image of another kind of layer and config',
    steps: [
      ...pushImage(image('zstd', { layerType: mediaTypes.zstdLayer }), 'zstd'),
      ...pushImage(image('odd', { configType: 'application/vnd.example+json' }), 'odd'),
    ],
  },
  {
    name: 'annotations, data and fields of the future',
    steps: [
      ...pushBlobs(oci),
      putManifest(changed({ annotations: { 'org.example': 'ä"\\' } }), 'annotated'),
      putManifest(changed({ future: { a: [1, 2, null] } }), 'future'),
      ...readManifest(changed({ future: { a: [1, 2, null] } }), 'future'),
    ],
  },
  {
    name: 'descriptors with faults',
    steps: [
      ...pushBlobs(oci),
      putManifest(changed({ config: { ...descriptor(oci.config), size: 1 } }), 'size'),
      putManifest(changed({ config: { ...descriptor(oci.config), size: -1 } }), 'negative', {
        shows: ['descriptor-size'],
      }),
      putManifest(changed({ config: { ...descriptor(oci.config), digest: 'x' } }), 'digest', {
        shows: ['descriptor-digest'],
      }),
      putManifest(changed({ config: undefined }), 'no-config', { shows: ['descriptor-digest'] }),
      putManifest(changed({ layers: undefined }), 'no-layers'),
    ],
  },
  {
    name: 'a manifest that is very large',
    steps: [
      ...pushBlobs(oci),
      putManifest(changed({ annotations: { a: 'x'.repeat(3_900_000) } }), 'large'),
      putManifest(changed({ annotations: { a: 'x'.repeat(4_200_000) } }), 'too-large', {
        shows: ['manifest-size'],
      }),
    ],
  },
  {
    name: 'a tag that moves',
    steps: [
      ...pushImage(oci, 'latest'),
      ...pushImage(docker, 'latest'),
      ...readManifest(docker.manifest, 'latest'),
      ...readManifest(oci.manifest, oci.manifest.digest),
    ],
  },
  {
    name: 'tags that are none',
    steps: [
      ...pushBlobs(oci),
      ...['.hidden', '-dash', 'a'.repeat(129), 'a%20b', '%C3%A4'].map((tag) =>
        putManifest(oci.manifest, tag, { shows: ['tag-invalid'] }),
      ),
      ...['a'.repeat(128), '_'].map((tag) => putManifest(oci.manifest, tag)),
      get('.hidden', mediaTypes.image, ['tag-invalid']),
      get('a'.repeat(129), mediaTypes.image, ['tag-invalid']),
    ],
  },
  {
    name: 'a manifest that the client has',
    steps: [
      ...pushImage(oci, '1'),
      known(`"${oci.manifest.digest}"`, ['not-modified-manifest']),
      known(oci.manifest.digest, ['not-modified-unquoted']),
      known('"other"'),
      known('*', ['not-modified-any']),
    ],
  },
  {
    name: 'a manifest that is not there',
    steps: [
      ...pushImage(oci, '1'),
      get('2', mediaTypes.image),
      step('HEAD /v2/$repo/manifests/2'),
      get(absentDigest('m'), mediaTypes.image),
      step('GET /v2/$repo-none/manifests/1'),
      step('HEAD /v2/$repo-none/manifests/1'),
      get('sha256:abc', mediaTypes.image, ['manifest-digest-invalid']),
      // A blob is no manifest, and a manifest no blob.
      get(oci.config.digest, mediaTypes.image, ['manifest-of-blob']),
      step(`GET /v2/$repo/blobs/${oci.manifest.digest}`),
    ],
  },
  {
    name: 'several tags in one push by digest',
    steps: [
      ...pushBlobs(oci),
      putManifest(oci.manifest, `${oci.manifest.digest}?tag=a&tag=b`, { shows: ['several-tags'] }),
    ],
  },
]

import { absentDigest, descriptor, image, index } from '../../support/content.ts'
import { type Scenario, step } from '../steps.ts'
import { pushImage, putManifest, readManifest } from './images.ts'

const one = image('deleted one')
const two = image('deleted two')
const both = index([one, two].map(({ manifest }) => descriptor(manifest)))
const remove = (reference: string, shows: readonly string[] = []) =>
  step(`DELETE /v2/$repo/manifests/${reference}`, { shows })
const tags = (shows: readonly string[] = []) => step('GET /v2/$repo/tags/list', { shows })

export const manifestDeletionScenarios: readonly Scenario[] = [
  {
    name: 'a manifest is deleted by its digest, and its tags with it',
    steps: [
      ...pushImage(one, 'a'),
      putManifest(one.manifest, 'b'),
      ...pushImage(two, 'c'),
      remove(one.manifest.digest, ['deleted-digest']),
      tags(),
      ...readManifest(one.manifest, one.manifest.digest),
      ...readManifest(one.manifest, 'a'),
      ...readManifest(two.manifest, 'c'),
      remove(one.manifest.digest),
    ],
  },
  {
    name: 'the last manifest is deleted',
    steps: [
      ...pushImage(one, 'only'),
      remove(one.manifest.digest, ['deleted-digest']),
      tags(['repository-gone']),
    ],
  },
  {
    name: 'a manifest is deleted and pushed again',
    steps: [
      ...pushImage(one, 'a'),
      remove(one.manifest.digest, ['deleted-digest']),
      ...pushImage(one, 'a'),
      ...readManifest(one.manifest, 'a'),
      tags(),
    ],
  },
  {
    name: 'a manifest is deleted by its tag',
    steps: [
      ...pushImage(one, 'a'),
      remove('a', ['tag-deletion']),
      ...readManifest(one.manifest, 'a'),
    ],
  },
  {
    name: 'deletions of what is not there',
    steps: [
      remove(absentDigest('deleted')),
      ...pushImage(one, 'a'),
      remove(absentDigest('deleted')),
      remove('none', ['tag-deletion']),
      remove('sha256:abc'),
    ],
  },
  {
    name: 'a child of an index is deleted, then the index',
    steps: [
      ...pushImage(one, one.manifest.digest),
      ...pushImage(two, two.manifest.digest),
      putManifest(both, 'both'),
      remove(one.manifest.digest, ['child-in-use']),
      remove(both.digest, ['deleted-digest']),
      tags(['tags-empty']),
    ],
  },
  {
    name: 'a blob that a manifest needs is deleted',
    steps: [
      ...pushImage(one, 'a'),
      step(`DELETE /v2/$repo/blobs/${one.config.digest}`, { shows: ['blob-in-use'] }),
    ],
  },
  {
    name: 'methods that manifests do not have',
    steps: [
      step('POST /v2/$repo/manifests/a'),
      step('PATCH /v2/$repo/manifests/a'),
      step('POST /v2/$repo/tags/list'),
      step('DELETE /v2/$repo/tags/list'),
      step('OPTIONS /v2/$repo/tags/list', { shows: ['options'] }),
    ],
  },
]

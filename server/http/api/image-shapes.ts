import type {
  ImageChild,
  ImageDetails,
  ImageFacts,
  UntaggedImage,
} from '../../../contract/images.ts'
import type { ImageRow } from '../../db/image-queries.ts'
import { splitPlatforms } from '../../domain/platform.ts'
import {
  type ImageDetails as Details,
  kindOfImage,
  type OpenedImage,
} from '../../registry/image-details.ts'
import type { ReadManifest } from '../../registry/image-manifest.ts'
import { isoOf, isoOrNull } from './place.ts'

export function factsOf(row: ImageRow, manifest: ReadManifest | null): ImageFacts {
  return {
    digest: row.digest,
    mediaType: row.mediaType,
    artifactType: row.artifactType,
    kind: kindOfImage(row, manifest, row.platforms),
    manifestBytes: row.manifestBytes,
    sizeBytes: row.totalBytes,
    platforms: splitPlatforms(row.platforms),
    pushed: { at: isoOf(row.pushedAt), by: row.pushedBy },
  }
}

export function openedFacts({ row, manifest }: OpenedImage): ImageFacts {
  return factsOf(row, manifest)
}

export function untaggedOf(row: ImageRow, parents: number): UntaggedImage {
  return {
    ...factsOf(row, null),
    ...{ subject: row.subject, parents, pulls: row.pulls ?? 0 },
    lastPulled: isoOrNull(row.lastPulledAt),
    orphanedSince: isoOrNull(row.orphanedSince),
  }
}

type Rest = 'cachedFrom' | 'feed' | 'repository' | 'imageName' | 'tag'

export function detailsOf(image: Details): Omit<ImageDetails, Rest> {
  const { row, manifest, config } = image
  return {
    ...openedFacts(image),
    tags: [...image.tags],
    parents: [...image.parents],
    subject: row.subject,
    annotations: { ...manifest.annotations },
    manifest: image.content,
    config: config && {
      ...config,
      labels: { ...config.labels },
      env: [...config.env],
      entrypoint: config.entrypoint && [...config.entrypoint],
      cmd: config.cmd && [...config.cmd],
      exposedPorts: [...config.exposedPorts],
      volumes: [...config.volumes],
    },
    layers: image.layers.map((layer) => ({
      ...layer,
      otherRepositories: [...layer.otherRepositories],
    })),
    children: childrenOf(image),
    referrers: image.referrers,
    pulls: { total: row.pulls ?? 0, last: isoOrNull(row.lastPulledAt) },
  }
}

/** In the order of the index, those that are not here too. */
function childrenOf({ manifest, children }: Details): ImageChild[] {
  return manifest.children.map(({ digest, mediaType, platform, annotations }) => {
    const here = children.get(digest)
    return {
      digest,
      mediaType: here?.mediaType ?? mediaType,
      platform: platform ?? splitPlatforms(here?.platforms ?? null)[0] ?? null,
      sizeBytes: here?.totalBytes ?? null,
      isHere: here !== undefined,
      annotations: { ...annotations },
    }
  })
}

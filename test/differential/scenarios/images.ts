import type { Content, Image, ManifestContent } from '../../support/content.ts'
import { type Step, type StepOptions, step } from '../steps.ts'

export function pushBlob(content: Content): readonly Step[] {
  return [
    step('POST /v2/$repo/blobs/uploads/'),
    step(`PUT $location?digest=${content.digest}`, { body: content.bytes }),
  ]
}

export function pushBlobs(image: Image): readonly Step[] {
  return image.blobs.flatMap(pushBlob)
}

export function putManifest(
  manifest: ManifestContent,
  reference: string,
  options: StepOptions = {},
): Step {
  return step(`PUT /v2/$repo/manifests/${reference}`, {
    headers: { 'content-type': manifest.mediaType },
    body: manifest.bytes,
    ...options,
  })
}

export function pushImage(image: Image, reference: string): readonly Step[] {
  return [...pushBlobs(image), putManifest(image.manifest, reference)]
}

/** GET and HEAD of a manifest, as a client that takes its type. */
export function readManifest(manifest: ManifestContent, reference: string): readonly Step[] {
  const headers = { accept: manifest.mediaType }
  return ['GET', 'HEAD'].map((method) =>
    step(`${method} /v2/$repo/manifests/${reference}`, { headers }),
  )
}

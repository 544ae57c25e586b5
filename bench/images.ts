import { type Content, newContent } from './contents.ts'
import type { BenchClient } from './servers.ts'
import { type ImageManifest, makeManifest, pushInPut, putManifest } from './uploads.ts'

/** A config and its layers, none of which is anywhere yet, and their manifest. */
export interface Image {
  readonly config: Content
  readonly layers: readonly Content[]
  readonly tag: string
  readonly manifest: ImageManifest
}

export function newImage(tag: string, layerSizes: readonly number[] = [4096, 4096]): Image {
  const config = newContent(1000)
  const layers = layerSizes.map(newContent)
  return { config, layers, tag, manifest: makeManifest(config, layers, tag) }
}

export async function pushBlobs(client: BenchClient, repository: string, image: Image) {
  for (const blob of [...image.layers, image.config]) await pushInPut(client, repository, blob)
}

export async function pushImage(client: BenchClient, repository: string, image: Image) {
  await pushBlobs(client, repository, image)
  await putManifest(client, { repository, tag: image.tag }, image.manifest)
}

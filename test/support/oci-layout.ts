import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { runSuccessfully } from './command.ts'
import { sha256 } from './registry-client.ts'

const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

export interface OciLayout {
  /** As skopeo names it: `oci:<folder>:<tag>`. */
  readonly reference: string
  readonly indexDigest: string
  /** Of linux/amd64 and linux/arm64. */
  readonly manifestDigests: readonly [string, string]
  readonly layerDigests: readonly string[]
  /** All content by digest: what must be found at the other end. */
  readonly contents: ReadonlyMap<string, Buffer>
}

/** Makes an image for two platforms that share their first layer, as an OCI layout in `folder`. */
export async function makeOciLayout(folder: string, tag: string): Promise<OciLayout> {
  const contents = new Map<string, Buffer>()
  const add = (mediaType: string, content: Buffer): Descriptor => {
    const digest = sha256(content)
    contents.set(digest, content)
    return { mediaType, digest, size: content.byteLength }
  }
  const layers = new Set<string>()
  const shared = await makeTar(folder, 'shared', `the same on every platform, ${tag}\n`)
  const image = async (architecture: string) => {
    const own = await makeTar(folder, architecture, `for ${architecture}, ${tag}\n`)
    const config = {
      architecture,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [sha256(shared), sha256(own)] },
    }
    const manifest = {
      schemaVersion: 2,
      mediaType: types.manifest,
      config: add(types.config, jsonOf(config)),
      layers: [shared, own].map((tar) => add(types.layer, gzipSync(tar))),
    }
    for (const layer of manifest.layers) layers.add(layer.digest)
    const descriptor = add(types.manifest, jsonOf(manifest))
    return { ...descriptor, platform: { architecture, os: 'linux' } }
  }
  const amd64 = await image('amd64')
  const arm64 = await image('arm64')
  const index = { schemaVersion: 2, mediaType: types.index, manifests: [amd64, arm64] }
  const top = add(types.index, jsonOf(index))
  const annotations = { 'org.opencontainers.image.ref.name': tag }
  await writeLayout(folder, contents, { ...top, annotations })
  return {
    reference: `oci:${folder}:${tag}`,
    indexDigest: top.digest,
    manifestDigests: [amd64.digest, arm64.digest],
    layerDigests: [...layers],
    contents,
  }
}

async function makeTar(folder: string, name: string, text: string): Promise<Buffer> {
  const root = path.join(folder, 'files', name)
  await mkdir(root, { recursive: true })
  await writeFile(path.join(root, `${name}.txt`), text)
  const tar = path.join(folder, 'files', `${name}.tar`)
  await runSuccessfully('tar', ['-C', root, '-cf', tar, '.'])
  return readFile(tar)
}

async function writeLayout(folder: string, contents: OciLayout['contents'], top: object) {
  const blobs = path.join(folder, 'blobs/sha256')
  await mkdir(blobs, { recursive: true })
  for (const [digest, content] of contents) {
    await writeFile(path.join(blobs, digest.slice('sha256:'.length)), content)
  }
  await writeFile(path.join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await writeFile(
    path.join(folder, 'index.json'),
    jsonOf({ schemaVersion: 2, mediaType: types.index, manifests: [top] }),
  )
}

function jsonOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { runSuccessfully } from './command.ts'
import {
  type Content,
  contentOf,
  descriptor,
  type Image,
  manifestOf,
  mediaTypes,
} from './content.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

/** A line of a Dockerfile: with files a layer, without them none. */
export interface BuildStep {
  readonly command: string
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  /** In place of what tar makes of the files. */
  readonly bytes?: Uint8Array
}

export interface BuildOptions {
  readonly architecture?: string
  /** Of the image's configuration: `Env`, `Labels`, … */
  readonly config?: Readonly<Record<string, unknown>>
  readonly fields?: Readonly<Record<string, unknown>>
}

const created = '2026-03-01T10:00:00Z'

/** An image as builders make them: layers that tar has packed, a history, a configuration. */
export async function buildImage(
  steps: readonly BuildStep[],
  options: BuildOptions = {},
): Promise<Image> {
  const layers: Content[] = []
  for (const { files, bytes } of steps) {
    if (bytes !== undefined) layers.push(contentOf(bytes))
    else if (files !== undefined) layers.push(contentOf(await packLayer(files)))
  }
  const config = contentOf(
    JSON.stringify({
      created,
      architecture: options.architecture ?? 'amd64',
      os: 'linux',
      config: options.config ?? {},
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
      history: steps.map(({ command, files, bytes }) => ({
        created,
        created_by: command,
        ...(files === undefined && bytes === undefined && { empty_layer: true }),
      })),
    }),
  )
  const manifest = manifestOf({
    schemaVersion: 2,
    mediaType: mediaTypes.image,
    config: descriptor(config, mediaTypes.config),
    layers: layers.map((layer) => descriptor(layer, mediaTypes.gzipLayer)),
    ...options.fields,
  })
  return { manifest, config, layers, blobs: [config, ...layers] }
}

/** What GNU tar makes of these files, packed by gzip. */
async function packLayer(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  await using folder = makeTemporaryFolder('layer')
  const root = path.join(folder.path, 'root')
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  const packed = path.join(folder.path, 'layer.tar.gz')
  const plain = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@1700000000']
  await runSuccessfully('tar', ['-C', root, ...plain, '-czf', packed, '.'])
  return readFileSync(packed)
}

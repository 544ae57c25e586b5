import { gzipSync } from 'node:zlib'
import { clientOf } from './api-call.ts'
import {
  type Content,
  contentOf,
  descriptor,
  type Image,
  manifestOf,
  mediaTypes,
} from './content.ts'
import { pushImage } from './push.ts'
import type { TestServer } from './server.ts'

export interface Layer {
  readonly bytes: Uint8Array
  readonly mediaType?: string
  readonly urls?: readonly string[]
}

/** An image of these layers, the lowest first. */
export function imageOf(layers: readonly Layer[]): Image {
  const config = contentOf(
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers' } }),
  )
  const contents: Content[] = layers.map(({ bytes }) => contentOf(bytes))
  const manifest = manifestOf({
    schemaVersion: 2,
    mediaType: mediaTypes.image,
    config: descriptor(config, mediaTypes.config),
    layers: layers.map(({ mediaType = mediaTypes.gzipLayer, urls }, at) => ({
      ...descriptor(contents[at] ?? config, mediaType),
      ...(urls && { urls }),
    })),
  })
  return { manifest, config, layers: contents, blobs: [config, ...contents] }
}

export async function pushLayers(
  server: TestServer,
  name: string,
  layers: readonly Layer[],
): Promise<Image> {
  const image = imageOf(layers)
  await pushImage({ url: server.url, callers: { admin: server.admin } }, name, image)
  return image
}

export function adminOf(server: TestServer) {
  return clientOf(server.url, server.admin)
}

export function gzipped(tar: Uint8Array): Layer {
  return { bytes: gzipSync(tar) }
}

export interface TarEntry {
  readonly name: string | Uint8Array
  readonly type?: string
  readonly content?: string | Uint8Array
  /** What the header claims, whatever follows. */
  readonly claimedSize?: number
  readonly link?: string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly mtime?: number
  readonly magic?: string
  readonly device?: readonly [major: number, minor: number]
}

/** A tar archive entry by entry, also such as no tar program writes. */
export function tarOf(entries: readonly TarEntry[], end = true): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? '')
    const padding = Buffer.alloc((512 - (content.length % 512)) % 512)
    return [headerOf(entry, entry.claimedSize ?? content.length), content, padding]
  })
  return Buffer.concat([...parts, ...(end ? [Buffer.alloc(1024)] : [])])
}

/** A PAX header for the entry after it. */
export function paxOf(records: Readonly<Record<string, string | Uint8Array>>): TarEntry {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
    let length = rest.length + 1
    while (String(length).length + rest.length !== length)
      length = String(length).length + rest.length
    return Buffer.concat([Buffer.from(String(length)), rest])
  })
  return { name: 'PaxHeaders/x', type: 'x', content: Buffer.concat(lines) }
}

export function headerOf(entry: TarEntry, size: number): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, digits: number) => {
    header.write(value.toString(8).padStart(digits, '0'), at)
  }
  Buffer.from(entry.name).copy(header, 0, 0, 100)
  octal(entry.mode ?? 0o644, 100, 7)
  octal(entry.uid ?? 0, 108, 7)
  octal(entry.gid ?? 0, 116, 7)
  if (size < 8 ** 11) octal(size, 124, 11)
  else {
    header[124] = 0x80
    header.writeBigUInt64BE(BigInt(size), 128)
  }
  octal(entry.mtime ?? 0, 136, 11)
  header.write('        ', 148)
  header.write(entry.type ?? '0', 156)
  header.write(entry.link ?? '', 157, 100)
  header.write(entry.magic ?? 'ustar\u000000', 257)
  octal(entry.device?.[0] ?? 0, 329, 7)
  octal(entry.device?.[1] ?? 0, 337, 7)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

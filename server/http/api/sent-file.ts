import type { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'

/** What a handler returns in place of JSON: a file that strangers may have made. */
export class SentFile {
  readonly name: string
  /** What a browser may take it for, if it insists. */
  readonly mediaType: string
  readonly sizeBytes: number
  readonly stream: Readable

  constructor(file: Pick<SentFile, 'name' | 'mediaType' | 'sizeBytes' | 'stream'>) {
    this.name = file.name
    this.mediaType = file.mediaType
    this.sizeBytes = file.sizeBytes
    this.stream = file.stream
  }
}

/** Never as a page of this server: nothing in it runs, and no other site may embed it. */
export function sendFile(reply: FastifyReply, file: SentFile): FastifyReply {
  return reply
    .headers({
      'content-type': file.mediaType,
      'content-length': file.sizeBytes,
      'content-disposition': dispositionOf(file.name),
      'content-security-policy': "sandbox; default-src 'none'",
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    })
    .send(file.stream)
}

/** RFC 6266, with the name in ASCII for clients that know no other. */
function dispositionOf(name: string): string {
  const ascii = name.replace(/[^A-Za-z0-9._-]/g, '_')
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (each) => `%${each.charCodeAt(0).toString(16)}`,
  )
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`
}

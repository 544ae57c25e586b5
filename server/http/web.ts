import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { pageRoots } from '../../contract/pages.ts'
import type { Coding, WebFile, WebFiles } from './web-files.ts'

export interface WebOptions {
  readonly version: string
  /** Undefined: they are not built. */
  readonly files: WebFiles | undefined
}

const notBuilt = `The pages are not built: run "npm run build" and start the server again.
What they do, the API does too: /api/openapi.json describes it.
`

/**
 * The built pages. Every page's address is answered with the same document, whose router does the
 * rest; its assets have their hash in their name, so a browser asks for each once.
 */
export function webRoutes(app: FastifyInstance, { version, files }: WebOptions): void {
  const page = (_request: FastifyRequest, reply: FastifyReply) => sendPage(reply, files, version)
  for (const root of pageRoots) {
    app.get(root, page)
    app.get(`${root}/*`, page)
  }
  for (const [address, file] of files?.assets ?? []) {
    app.get(address, (request, reply) => sendAsset(request, reply, file))
  }
}

/** The document, for whichever page. It is made anew for each request: its nonce is good once. */
export function sendPage(
  reply: FastifyReply,
  files: WebFiles | undefined,
  version: string,
): FastifyReply {
  if (files === undefined) {
    return reply.code(503).type('text/plain; charset=utf-8').send(notBuilt)
  }
  const nonce = randomBytes(16).toString('base64')
  return secure(reply, nonce)
    .type('text/html; charset=utf-8')
    .header('cache-control', 'no-store')
    .send(files.index.replaceAll('{{nonce}}', nonce).replaceAll('{{version}}', version))
}

/**
 * Scripts come from this server's files and from nowhere else, whatever somebody gets into a page.
 * Styles too, but for those of the component library, which it makes as the page goes: they carry
 * the nonce. See docs/decisions/0006-content-security-policy.md.
 */
function secure(reply: FastifyReply, nonce: string): FastifyReply {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' blob: data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ]
  return reply.headers({
    'content-security-policy': policy.join('; '),
    'referrer-policy': 'same-origin',
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  })
}

function sendAsset(request: FastifyRequest, reply: FastifyReply, file: WebFile): FastifyReply {
  const coding = chooseCoding(request.headers['accept-encoding'], file)
  // RFC 9110, 8.8.3.3: what is coded differently has an entity tag of its own.
  const etag = `"${file.etag}${coding === 'identity' ? '' : `-${coding}`}"`
  reply.headers({
    'cache-control': 'public, max-age=31536000, immutable',
    vary: 'accept-encoding',
    etag,
  })
  if (namesTag(request.headers['if-none-match'], etag)) return reply.code(304).send()
  if (coding !== 'identity') reply.header('content-encoding', coding)
  return reply.type(file.type).send(file.bodies.get(coding))
}

/** The smallest that the client takes. */
function chooseCoding(accepted = '', { bodies }: WebFile): Coding {
  const refused = /^\s*(\S+?)\s*;\s*q=0(?:\.0*)?\s*$/i
  const taken = accepted
    .split(',')
    .filter((part) => !refused.test(part))
    .map((part) => part.split(';', 1)[0]?.trim().toLowerCase())
  const codings = ['br', 'gzip'] as const
  return codings.find((coding) => taken.includes(coding) && bodies.has(coding)) ?? 'identity'
}

/** RFC 9110, 13.1.2: compared weakly. */
function namesTag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes(etag) || tags.includes('*')
}

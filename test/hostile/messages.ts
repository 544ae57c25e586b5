import { digestOf } from '../support/content.ts'
import type { Random } from '../support/random.ts'
import { makeForm } from './credentials.ts'
import { type HeaderLine, makeHeaders } from './headers.ts'
import { makeContentType, makeManifest } from './manifests.ts'
import { makeDigest, makeName, makeQuery, makeTarget, makeUploadsTarget } from './targets.ts'
import { oddText } from './texts.ts'
import type { Caller, World } from './world.ts'

/** A request as bytes. */
export interface Message {
  /** As a server may take it; for the reading of the reply. */
  readonly method: string
  /** Whether it is whole and valid HTTP: then there has to be an answer. */
  readonly isSound: boolean
  /** `$UPLOAD` in it stands for the last Location of this conversation. */
  readonly bytes: Buffer
}

const methods = ['GET', 'GET', 'GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE']
const rareMethods = ['OPTIONS', 'TRACE', 'PROPFIND', 'PURGE', 'LOCK', 'M-SEARCH', 'QUERY']

/** Any request at all. */
export function makeMessage(random: Random, world: World, caller: Caller): Message {
  const target = makeTarget(random, world)
  const method = random.chance(0.05) ? random.pick(rareMethods) : random.pick(methods)
  const takesBody = ['PUT', 'POST', 'PATCH'].includes(method) || random.chance(0.05)
  const body = takesBody ? random.bytes(random.pick([0, 1, 100, 5000])) : undefined
  return format(random, world, caller, { method: mercy(method, target, caller), target, body })
}

/** An administrator could take away what others are tested with. */
function mercy(method: string, target: string, { seesSecrets }: Caller): string {
  const isSecret = /secret|%/i.test(target)
  return seesSecrets && isSecret && method === 'DELETE' ? 'GET' : method
}

export function makeManifestPush(random: Random, world: World, caller: Caller): Message {
  const name = random.chance(0.6) ? 'open/app' : makeName(random, world)
  const reference = random.chance(0.3) ? makeDigest(random, world) : `t${random.between(1, 50)}`
  const query = random.chance(0.2) ? makeQuery(random, world) : ''
  const type = makeContentType(random)
  return format(random, world, caller, {
    method: 'PUT',
    target: `/v2/${name}/manifests/${reference}${query}`,
    body: makeManifest(random, world, type),
    headers: [['Content-Type', random.chance(0.9) ? type : makeContentType(random)]],
  })
}

export function makeTokenRequest(random: Random, world: World, caller: Caller): Message {
  if (random.chance(0.4)) {
    const query = makeQuery(random, world)
    return format(random, world, caller, { method: 'GET', target: `/v2/_auth${query}` })
  }
  const form = 'application/x-www-form-urlencoded'
  const type = random.chance(0.85) ? form : makeContentType(random)
  return format(random, world, caller, {
    method: 'POST',
    target: '/v2/_auth',
    body: Buffer.from(makeForm(random, world), 'latin1'),
    headers: [['Content-Type', type]],
  })
}

/** Begins an upload, goes on with it in ways that it does not like, and perhaps ends it. */
export function makeUpload(random: Random, world: World, caller: Caller): Message[] {
  const target = random.chance(0.7)
    ? '/v2/open/new/blobs/uploads/'
    : makeUploadsTarget(random, world)
  const begin = format(random, world, caller, { method: 'POST', target })
  const steps = Array.from({ length: random.between(1, 4) }, () => {
    const method = random.pick(['PATCH', 'PATCH', 'PUT', 'GET', 'DELETE', 'HEAD', 'POST'])
    const digest = `digest=${makeDigest(random, world)}`
    const query = method === 'PUT' || random.chance(0.1) ? `?${digest}` : ''
    const body =
      method === 'PATCH' || method === 'PUT'
        ? random.bytes(random.pick([0, 1, 10, 100, 3000]))
        : undefined
    return format(random, world, caller, { method, target: `$UPLOAD${query}`, body })
  })
  if (random.chance(0.6)) return [begin, ...steps]
  const body = random.bytes(random.pick([0, 1, 3000, 70_000]))
  const path = `$UPLOAD?digest=${digestOf(body)}`
  const end = format(random, world, caller, { method: 'PUT', target: path, body })
  return random.chance(0.5) ? [begin, end] : [begin, ...steps, end]
}

interface Draft {
  readonly method: string
  readonly target: string
  readonly body?: Buffer | undefined
  readonly headers?: readonly HeaderLine[]
}

function format(random: Random, world: World, caller: Caller, draft: Draft): Message {
  const { method, body, headers = [] } = draft
  // Who sees everything could rightly carry what is private to where others see it.
  const target = caller.seesSecrets ? draft.target.replaceAll('mount=', 'amount=') : draft.target
  const lines: HeaderLine[] = [
    ['Host', random.chance(0.95) ? world.host : oddHost(random)],
    ...(caller.authorization === undefined
      ? []
      : [['Authorization', caller.authorization] as const]),
    ...headers,
    ...makeHeaders(random, world),
  ]
  const { framing, bytes } = frame(random, body)
  const head = [`${method} ${target.replaceAll(' ', '%20')} HTTP/1.1`]
    .concat([...lines, ...framing].map(([name, value]) => `${name}: ${value}`))
    .join('\r\n')
  const whole = Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), bytes])
  const isUpgrade = lines.some(([name]) => name === 'Upgrade')
  // Beyond the server's limit it answers as soon as it has seen enough.
  return { method, isSound: !isUpgrade && head.length < 30_000, bytes: whole }
}

function oddHost(random: Random): string {
  return random.pick([
    '',
    'localhost',
    '127.0.0.1:1',
    '[::1]',
    'a'.repeat(300),
    'a"b',
    'a/b',
    'a@b',
  ])
}

/** The body with a true Content-Length, or chunked in valid pieces. */
function frame(
  random: Random,
  body: Buffer | undefined,
): { readonly framing: readonly HeaderLine[]; readonly bytes: Buffer } {
  if (body === undefined) return { framing: [], bytes: Buffer.alloc(0) }
  if (random.chance(0.7)) {
    return { framing: [['Content-Length', `${body.byteLength}`]], bytes: body }
  }
  const pieces: Buffer[] = []
  for (let at = 0; at < body.byteLength; ) {
    const piece = body.subarray(at, at + random.between(1, 2000))
    const extension = random.chance(0.1) ? ';name="value"' : ''
    pieces.push(Buffer.from(`${piece.byteLength.toString(16)}${extension}\r\n`), piece, newLine)
    at += piece.byteLength
  }
  const trailer = random.chance(0.1)
    ? `X-Trailer: ${oddText(random).replace(/[^ -~]/g, '')}\r\n`
    : ''
  pieces.push(Buffer.from(`0\r\n${trailer}\r\n`))
  return { framing: [['Transfer-Encoding', 'chunked']], bytes: Buffer.concat(pieces) }
}

const newLine = Buffer.from('\r\n')

import http, { type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeProtobuf } from './otlp-protobuf.ts'

export type Facts = Readonly<Record<string, string | number | boolean>>

export interface ReceivedSpan {
  readonly resource: Facts
  /** Hexadecimal, as are the other ids; the parent's is empty for a root. */
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number
  /** Nanoseconds. */
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Facts
  /** 2: an error. */
  readonly status: number
}

export interface Receiver extends AsyncDisposable {
  /** Without a path. */
  readonly url: string
  readonly spans: ReceivedSpan[]
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[]
  /** What it answers from now on; null: nothing at all. */
  answers: number | null
  /** Waits until there is such a span. */
  waitFor(is: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>
}

/** A collector: takes spans by OTLP over HTTP, in either form. */
export async function openReceiver(): Promise<Receiver> {
  const spans: ReceivedSpan[] = []
  const requests: Receiver['requests'] = []
  const server = http.createServer((req, res) => {
    const pieces: Buffer[] = []
    req.on('data', (piece: Buffer) => pieces.push(piece))
    req.on('end', () => {
      requests.push({ path: req.url ?? '', headers: req.headers })
      if (receiver.answers === null) return
      if (receiver.answers === 200) {
        spans.push(...decode(req.headers['content-type'] ?? '', Buffer.concat(pieces)))
      }
      res.writeHead(receiver.answers).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const receiver: Receiver = {
    ...{ spans, requests, answers: 200 },
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async waitFor(is) {
      for (;;) {
        const found = spans.find(is)
        if (found) return found
        await sleep(20)
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}

function decode(type: string, body: Buffer): ReceivedSpan[] {
  if (type === 'application/x-protobuf') return decodeProtobuf(body)
  if (type === 'application/json') return decodeJson(JSON.parse(body.toString('utf8')))
  throw new Error(`a body of type ${type}`)
}

interface Pair {
  readonly key: string
  readonly value: Readonly<Record<string, string | number | boolean>>
}

/** OTLP, "JSON Protobuf Encoding". */
interface JsonSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly Pair[]
  readonly status: { readonly code?: number }
}

function decodeJson(request: {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Pair[] }
    readonly scopeSpans: readonly { readonly spans: readonly JsonSpan[] }[]
  }[]
}): ReceivedSpan[] {
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap((scope) => scope.spans)
      .map((span) => ({
        resource: factsOf(resource.attributes),
        ...{ traceId: span.traceId, spanId: span.spanId, parentSpanId: span.parentSpanId ?? '' },
        ...{ name: span.name, kind: span.kind, status: span.status.code ?? 0 },
        ...{ start: BigInt(span.startTimeUnixNano), end: BigInt(span.endTimeUnixNano) },
        attributes: factsOf(span.attributes),
      })),
  )
}

function factsOf(pairs: readonly Pair[]): Facts {
  return Object.fromEntries(
    pairs.map(({ key, value }) => {
      const [[kind, held] = []] = Object.entries(value)
      if (held === undefined) throw new Error(`${key} has no value`)
      return [key, kind === 'intValue' ? Number(held) : held]
    }),
  )
}

import http from 'node:http'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import type { TraceConfig } from '../config/traces.ts'
import type { Log } from '../log.ts'
import { TroubleLog } from './trouble-log.ts'

export interface OtlpOptions extends Pick<TraceConfig, 'headers' | 'protocol'> {
  readonly url: URL
  readonly log: Log
}

/** For one batch, its repetitions included. */
const batchMs = 10_000
const firstPauseMs = 1000
const maxAnswerBytes = 64 * 1024
/** OTLP, "Retryable Response Codes"; 0 is no answer. */
const passing = new Set([0, 429, 502, 503, 504])

interface Answer {
  readonly status: number
  /** What is told when it is no success. */
  readonly reason: string
  readonly retryAfterMs: number | undefined
  readonly body: Buffer
}

/**
 * Sends spans by OTLP over HTTP. The library's own exporter reads the environment by itself and
 * cannot be stopped, so that a collector that says nothing would hold up the end of the process.
 */
export class OtlpExporter implements SpanExporter {
  readonly #options: OtlpOptions
  readonly #agent: http.Agent
  readonly #trouble: TroubleLog
  readonly #running = new Set<Promise<void>>()
  /** Nobody waits for better times any more. */
  readonly #hurry = new AbortController()
  readonly #stop = new AbortController()

  constructor(options: OtlpOptions) {
    const { url, log } = options
    this.#options = options
    this.#agent = new (url.protocol === 'https:' ? https : http).Agent({ keepAlive: true })
    this.#trouble = new TroubleLog(log, url.host)
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    const running = this.#send(spans).then(
      () => {
        this.#trouble.passed()
        done({ code: ExportResultCode.SUCCESS })
      },
      (cause: unknown) => {
        const error = cause instanceof Error ? cause : new Error(String(cause))
        this.#trouble.failed(error.message, spans.length)
        done({ code: ExportResultCode.FAILED, error })
      },
    )
    this.#running.add(running)
    void running.finally(() => this.#running.delete(running))
  }

  async forceFlush(): Promise<void> {
    await Promise.all(this.#running)
  }

  shutdown(): Promise<void> {
    return this.forceFlush()
  }

  /** From now on each batch is sent once. */
  hurry(): void {
    this.#hurry.abort()
  }

  /** What is on its way is given up. */
  stop(): void {
    this.#stop.abort()
    this.#agent.destroy()
  }

  async #send(spans: ReadableSpan[]): Promise<void> {
    const { protocol } = this.#options
    const serializer = protocol === 'http/json' ? JsonTraceSerializer : ProtobufTraceSerializer
    const body = serializer.serializeRequest(spans)
    if (body === undefined) throw new Error('the spans cannot be written')
    const { rejectedSpans, errorMessage } =
      serializer.deserializeResponse(await this.#deliver(body)).partialSuccess ?? {}
    if (Number(rejectedSpans ?? 0) > 0) {
      throw new Error(`it rejects ${rejectedSpans} spans: ${(errorMessage ?? '').slice(0, 200)}`)
    }
  }

  /** OTLP, "OTLP/HTTP Response": what passes by itself is tried again, later each time. */
  async #deliver(body: Uint8Array): Promise<Uint8Array> {
    const deadline = performance.now() + batchMs
    for (let pauseMs = firstPauseMs; ; pauseMs *= 1.5) {
      const { status, reason, retryAfterMs, body: answer } = await this.#post(body, deadline)
      if (status >= 200 && status < 300) return answer
      const ownMs = pauseMs * (0.8 + 0.4 * Math.random())
      const waitMs = Math.max(ownMs, retryAfterMs ?? 0)
      const isLate = performance.now() + waitMs >= deadline
      if (isLate || this.#hurry.signal.aborted || !passing.has(status)) throw new Error(reason)
      await sleep(waitMs, undefined, { signal: this.#hurry.signal, ref: false }).catch(() => {})
    }
  }

  #post(body: Uint8Array, deadline: number): Promise<Answer> {
    const { url, headers, protocol } = this.#options
    const late = AbortSignal.timeout(Math.max(1, Math.ceil(deadline - performance.now())))
    const type = protocol === 'http/json' ? 'application/json' : 'application/x-protobuf'
    const options = {
      method: 'POST',
      agent: this.#agent,
      signal: AbortSignal.any([late, this.#stop.signal]),
      headers: {
        'user-agent': 'entrepot',
        ...headers,
        'content-type': type,
        'content-length': body.byteLength,
      },
    }
    return new Promise((resolve) => {
      const fail = ({ message }: Error) => {
        const isSilent = late.aborted || this.#stop.signal.aborted
        const reason = isSilent ? 'it does not answer' : message
        resolve({ status: 0, reason, retryAfterMs: undefined, body: Buffer.alloc(0) })
      }
      const send = url.protocol === 'https:' ? https.request : http.request
      const request = send(url, options, (answer) => {
        readAnswer(answer).then(resolve, fail)
      })
      request.on('error', fail).end(body)
    })
  }
}

async function readAnswer(answer: http.IncomingMessage): Promise<Answer> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of answer as AsyncIterable<Buffer>) {
    bytes += piece.byteLength
    // It has nothing so long to say; leaving closes the connection.
    if (bytes > maxAnswerBytes) break
    pieces.push(piece)
  }
  const seconds = Number(answer.headers['retry-after'])
  const status = answer.statusCode ?? 0
  return {
    status,
    reason: `it answers ${status}`,
    retryAfterMs: Number.isFinite(seconds) ? 1000 * seconds : undefined,
    body: bytes > maxAnswerBytes ? Buffer.alloc(0) : Buffer.concat(pieces),
  }
}

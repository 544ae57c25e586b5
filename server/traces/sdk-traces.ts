import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import {
  type Attributes,
  type Context,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { TraceConfig } from '../config/traces.ts'
import { RegistryError } from '../domain/errors.ts'
import type { Log } from '../log.ts'
import type { NewRequest, NewSpan, PastSpan, RequestSpan, TraceIds, Traces } from '../traces.ts'
import { OtlpExporter } from './otlp-exporter.ts'

/** Ended spans that wait for the collector; more are dropped. */
const maxWaiting = 2048
const maxBatch = 512
const pauseMs = 5000
/** Paths and user agents are as long as clients like. */
const maxValueLength = 1024
/** How long the end of the process may wait for the collector. */
const flushMs = 3000
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Where something runs: within which span, and of which request or run. */
interface Place {
  readonly context: Context
  readonly whole: Whole
}

/** A request or a run; what it has begun may go on when it is over. */
interface Whole {
  readonly context: Context
  isOver: boolean
}

/**
 * By OpenTelemetry's library, of which nothing global is used: two servers of one process trace
 * apart, and other libraries do not find it.
 */
export class SdkTraces implements Traces {
  readonly #current = new AsyncLocalStorage<Place>()
  readonly #propagator = new W3CTraceContextPropagator()
  readonly #exporter: OtlpExporter
  readonly #provider: TracerProvider
  readonly #tracer: Tracer

  constructor(of: {
    readonly traces: TraceConfig
    readonly url: string
    readonly log: Log
    readonly version: string
  }) {
    const { traces, url, log, version } = of
    const { headers, protocol } = traces
    this.#exporter = new OtlpExporter({ url: new URL(url), headers, protocol, log })
    this.#provider = new TracerProvider({
      resource: resourceOf(traces, version),
      sampler: samplerOf(traces),
      spanLimits: { attributeValueLengthLimit: maxValueLength },
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: this.#exporter,
          maxQueueSize: maxWaiting,
          maxExportBatchSize: maxBatch,
          scheduledDelayMillis: pauseMs,
        }),
      ],
    })
    this.#tracer = this.#provider.getTracer('entrepot', version)
  }

  ids(): TraceIds | undefined {
    const place = this.#current.getStore()
    if (place === undefined || place.whole.isOver) return undefined
    const ids = trace.getSpanContext(place.context)
    return ids && { trace_id: ids.traceId, span_id: ids.spanId }
  }

  beginRequest({ method, headers, describe }: NewRequest): RequestSpan {
    const parent = this.#propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)
    const verb = methods.has(method) ? method : 'HTTP'
    const span = this.#tracer.startSpan(verb, { kind: SpanKind.SERVER }, parent)
    if (span.isRecording()) {
      span.setAttribute('http.request.method', verb === 'HTTP' ? '_OTHER' : method)
      if (verb === 'HTTP') span.setAttribute('http.request.method_original', method)
      span.setAttributes(describe())
    }
    const context = trace.setSpan(parent, span)
    const whole = { context, isOver: false }
    return {
      within: (run) => this.#current.run({ context, whole }, run),
      end({ route, status, describe }) {
        whole.isOver = true
        if (!span.isRecording()) return
        span.setAttributes(describe())
        if (status !== null) span.setAttribute('http.response.status_code', status)
        if (route !== undefined)
          span.setAttribute('http.route', route).updateName(`${verb} ${route}`)
        if (status !== null && status >= 500) fail(span, String(status))
        span.end()
      },
    }
  }

  async root<T>({ name, attributes }: NewSpan, work: () => Promise<T>): Promise<T> {
    const span = this.#tracer.startSpan(name, optionsOf(attributes), ROOT_CONTEXT)
    const context = trace.setSpan(ROOT_CONTEXT, span)
    const whole = { context, isOver: false }
    try {
      return await this.#run(span, { context, whole }, work)
    } finally {
      whole.isOver = true
    }
  }

  child<T>({ name, attributes }: NewSpan, work: () => Promise<T>): Promise<T> {
    const place = this.#findRecorded()
    if (place === undefined) return work()
    const span = this.#tracer.startSpan(name, optionsOf(attributes), place.context)
    return this.#run(span, { ...place, context: trace.setSpan(place.context, span) }, work)
  }

  past({ name, attributes, seconds, isError }: PastSpan): void {
    const context = this.#findRecorded()?.context
    if (context === undefined) return
    const options = { kind: SpanKind.CLIENT, startTime: Date.now() - 1000 * seconds }
    const span = this.#tracer.startSpan(name, { ...options, ...optionsOf(attributes) }, context)
    if (isError) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  }

  note(attributes: Attributes): void {
    const place = this.#current.getStore()
    if (place !== undefined) trace.getSpan(place.context)?.setAttributes(attributes)
  }

  /** What was recorded is sent, if the collector takes it in time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#exporter.hurry()
    const timer = setTimeout(() => this.#exporter.stop(), flushMs)
    await this.#provider.shutdown().catch(() => {})
    await this.#exporter.forceFlush()
    clearTimeout(timer)
    this.#exporter.stop()
  }

  async #run<T>(span: Span, place: Place, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#current.run(place, work)
    } catch (error) {
      const refusal = error instanceof RegistryError && error.status < 500
      if (refusal) span.setAttribute('error.type', error.code)
      else fail(span, typeOf(error))
      throw error
    } finally {
      span.end()
    }
  }

  /** Where a span may hang: of one that has ended already, its request's. */
  #findRecorded(): Place | undefined {
    const place = this.#current.getStore()
    if (place === undefined || place.whole.isOver) return undefined
    if (isRecorded(place.context)) return place
    const { whole } = place
    return isRecorded(whole.context) ? { context: whole.context, whole } : undefined
  }
}

function isRecorded(context: Context): boolean {
  return trace.getSpan(context)?.isRecording() === true
}

function optionsOf(attributes: NewSpan['attributes']): { readonly attributes?: Attributes } {
  return attributes === undefined ? {} : { attributes }
}

/** Its message may hold what is nobody's business. */
function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type).setStatus({ code: SpanStatusCode.ERROR })
}

function typeOf(error: unknown): string {
  if (error instanceof RegistryError) return error.code
  return error instanceof Error ? error.name : '_OTHER'
}

function resourceOf({ serviceName, resourceAttributes }: TraceConfig, version: string): Resource {
  const named = serviceName === null ? {} : { 'service.name': serviceName }
  return defaultResource().merge(
    resourceFromAttributes({
      'service.name': 'entrepot',
      'service.version': version,
      'service.instance.id': randomUUID(),
      ...resourceAttributes,
      ...named,
    }),
  )
}

function samplerOf({ sampler, ratio }: TraceConfig): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler()
    case 'always_off':
      return new AlwaysOffSampler()
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio)
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() })
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })
  }
}

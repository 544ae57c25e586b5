import { RegistryError } from '../domain/errors.ts'
import { parseChoice } from './parsers.ts'
import type { Setting } from './settings.ts'

/** Where traces go and which; as OpenTelemetry's specification of its variables says. */
export interface TraceConfig {
  /** Null: there are no traces. */
  readonly url: string | null
  /** Of each request to the collector: mostly a key. */
  readonly headers: Attributes
  readonly protocol: 'http/protobuf' | 'http/json'
  readonly serviceName: string | null
  readonly resourceAttributes: Attributes
  readonly sampler: Sampler
  /** For the samplers by trace id: which part of the traces, 0 to 1. */
  readonly ratio: number
  /** Variables whose values mean nothing here, with why: told at the start. */
  readonly ignored: readonly string[]
}

export type Attributes = Readonly<Record<string, string>>
export type Sampler = (typeof samplers)[number]

const samplers = [
  ...(['always_on', 'always_off', 'traceidratio'] as const),
  ...(['parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const),
] as const

/**
 * The variables are OpenTelemetry's own: other programs of the machine read them too, so a value
 * that only others understand is no reason not to start (`ignored`).
 */
export const traceSettings = {
  'otlp-endpoint': {
    variable: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    parse: parseEndpoint,
    default: null,
    defaultText: 'no traces',
    sample: 'URL',
    secret: true,
    help: 'Where traces are sent (OTLP over HTTP): http://collector:4318, to which /v1/traces is added.',
  },
  'otlp-traces-endpoint': {
    variable: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    parse: parseEndpoint,
    default: null,
    defaultText: 'otlp-endpoint with /v1/traces',
    sample: 'URL',
    secret: true,
    help: 'The same, used as it is: http://collector:4318/v1/traces.',
  },
  'otlp-headers': {
    variable: 'OTEL_EXPORTER_OTLP_HEADERS',
    parse: parsePairs,
    default: null,
    sample: 'NAME=VALUE,…',
    secret: true,
    help: 'Headers of each request to the collector, such as a key; values are percent-encoded.',
  },
  'otlp-traces-headers': {
    variable: 'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
    parse: parsePairs,
    default: null,
    defaultText: 'otlp-headers',
    sample: 'NAME=VALUE,…',
    secret: true,
    help: 'The same, instead of otlp-headers.',
  },
  'otlp-protocol': {
    variable: 'OTEL_EXPORTER_OTLP_PROTOCOL',
    parse: parseChoice('http/protobuf', 'http/json'),
    default: 'http/protobuf',
    sample: 'PROTOCOL',
    help: 'How traces are sent: http/protobuf or http/json. There is no grpc.',
  },
  'otel-service-name': {
    variable: 'OTEL_SERVICE_NAME',
    parse: (text: string) => text,
    default: null,
    defaultText: 'service.name of otel-resource-attributes, else entrepot',
    sample: 'NAME',
    help: 'What this server is called in traces.',
  },
  'otel-resource-attributes': {
    variable: 'OTEL_RESOURCE_ATTRIBUTES',
    parse: parsePairs,
    default: null,
    sample: 'NAME=VALUE,…',
    help: 'What traces say of this server: deployment.environment.name=production,host.name=r1; percent-encoded.',
  },
  'otel-traces-sampler': {
    variable: 'OTEL_TRACES_SAMPLER',
    parse: parseChoice(...samplers),
    default: 'parentbased_always_on',
    sample: 'SAMPLER',
    help: 'Which requests are traced: always_on, always_off, traceidratio (a part of them), or parentbased_always_on, parentbased_always_off, parentbased_traceidratio, which do as the client says where it says something.',
  },
  'otel-traces-sampler-arg': {
    variable: 'OTEL_TRACES_SAMPLER_ARG',
    parse: parseRatio,
    default: '1',
    sample: 'RATIO',
    help: 'For traceidratio and parentbased_traceidratio: which part, 0 to 1.',
  },
  'otel-traces-exporter': {
    variable: 'OTEL_TRACES_EXPORTER',
    parse: parseChoice('otlp', 'none'),
    default: 'otlp',
    sample: 'EXPORTER',
    help: 'none: no traces, whatever the others say.',
  },
  'otel-sdk-disabled': {
    variable: 'OTEL_SDK_DISABLED',
    parse: parseChoice('true', 'false'),
    default: 'false',
    sample: 'true|false',
    help: 'true: no traces, whatever the others say.',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

type Name = keyof typeof traceSettings
type Read = <N extends Name>(name: N) => ReturnType<(typeof traceSettings)[N]['parse']> | undefined

export function readTraces(read: Read, ignored: readonly string[]): TraceConfig {
  const base = read('otlp-endpoint')
  const endpoint = read('otlp-traces-endpoint')?.href ?? (base && tracesBelow(base))
  const headers = read('otlp-headers') ?? {}
  const isOff = read('otel-sdk-disabled') === 'true' || read('otel-traces-exporter') === 'none'
  return {
    url: isOff ? null : (endpoint ?? null),
    headers: read('otlp-traces-headers') ?? headers,
    protocol: read('otlp-protocol') ?? 'http/protobuf',
    serviceName: read('otel-service-name') ?? null,
    resourceAttributes: read('otel-resource-attributes') ?? {},
    sampler: read('otel-traces-sampler') ?? 'parentbased_always_on',
    ratio: read('otel-traces-sampler-arg') ?? 1,
    ignored,
  }
}

/** OTLP, "Endpoint URLs for OTLP/HTTP": below the path that is there. */
function tracesBelow(base: URL): string {
  const url = new URL(base)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`
  return url.href
}

/** A problem never repeats the value: it may hold a key. */
function parseEndpoint(text: string): URL {
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  throw new RegistryError('REQUEST_INVALID', 'is not http(s)://host:port')
}

/** `name=value,name=value`, percent-encoded; one that is wrong spoils all, as the specification says. */
function parsePairs(text: string): Attributes {
  const pairs = text
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
  return Object.fromEntries(pairs.map(parsePair))
}

function parsePair(pair: string): [string, string] {
  const [name = '', ...rest] = pair.split('=')
  try {
    const decoded = decodeURIComponent(name.trim())
    // A value may end with `=`, as Base64 does: nobody encodes that.
    if (decoded !== '' && rest.length > 0)
      return [decoded, decodeURIComponent(rest.join('=').trim())]
  } catch {
    // It is told below.
  }
  throw new RegistryError('REQUEST_INVALID', 'is not name=value,name=value, percent-encoded')
}

function parseRatio(text: string): number {
  const ratio = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN
  if (ratio >= 0 && ratio <= 1) return ratio
  throw new RegistryError('REQUEST_INVALID', 'is not a number from 0 to 1')
}

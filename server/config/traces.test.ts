import { expect, test } from 'vitest'
import { readConfig } from '../config.ts'
import { secretsOf, showSettings } from './shown-settings.ts'

const read = (env: Record<string, string>, flags: Record<string, string> = {}) =>
  readConfig({
    ...{ env, flags, cwd: '/srv' },
    readFile: (file) => {
      if (file === '/run/headers') return 'api-key=from%20file\n'
      throw Object.assign(new Error('no'), { code: 'ENOENT' })
    },
  })
const base = 'OTEL_EXPORTER_OTLP_ENDPOINT'
const own = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'

test.for([
  [{}, null],
  [{ [base]: 'http://c:4318' }, 'http://c:4318/v1/traces'],
  [{ [base]: 'https://c/otlp/' }, 'https://c/otlp/v1/traces'],
  [{ [own]: 'https://c/otlp/' }, 'https://c/otlp/'],
  [{ [base]: 'http://a:4318', [own]: 'http://b:1' }, 'http://b:1/'],
  [{ [base]: 'http://c:4318', OTEL_SDK_DISABLED: 'TRUE' }, null],
  [{ [base]: 'http://c:4318', OTEL_SDK_DISABLED: 'yes' }, 'http://c:4318/v1/traces'],
  [{ [base]: 'http://c:4318', OTEL_TRACES_EXPORTER: 'none' }, null],
  [{ [base]: 'c:4318' }, null],
] as const)('%o sends to %s', ([env, url]) => {
  expect(read(env).traces.url).toBe(url)
})

test('headers and attributes are percent-encoded pairs', () => {
  const { traces } = read({
    OTEL_EXPORTER_OTLP_HEADERS: ' authorization=Basic%20dXNlcg==, x = 1,,',
    OTEL_RESOURCE_ATTRIBUTES: 'a%2Cb=c%3Dd,empty=',
  })
  expect(traces.headers).toEqual({ authorization: 'Basic dXNlcg==', x: '1' })
  expect(traces.resourceAttributes).toEqual({ 'a,b': 'c=d', empty: '' })
  const both = { OTEL_EXPORTER_OTLP_HEADERS: 'a=1', OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'b=2' }
  expect(read(both).traces.headers).toEqual({ b: '2' })
  const file = { OTEL_EXPORTER_OTLP_HEADERS_FILE: '/run/headers' }
  expect(read(file).traces.headers).toEqual({ 'api-key': 'from file' })
})

test.for([
  ['OTEL_EXPORTER_OTLP_HEADERS', 'hunter2'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'x=%zz-hunter2'],
  ['OTEL_EXPORTER_OTLP_HEADERS', '=hunter2'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'hunter2@collector'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
  ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
  ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
  ['OTEL_TRACES_SAMPLER_ARG', ''],
  ['OTEL_TRACES_EXPORTER', 'console'],
] as const)('%s=%s is as good as absent', ([name, value]) => {
  const { ignored, ...rest } = read({ [name]: value }).traces
  const { ignored: nothing, ...usual } = read({}).traces
  expect(rest).toEqual(usual)
  expect(nothing).toEqual([])
  expect(ignored).toEqual(value === '' ? [] : [expect.stringMatching(new RegExp(`^${name}: `))])
  expect(ignored.join('')).not.toContain('hunter2')
})

test('a flag that means nothing is a problem', () => {
  expect(() => read({}, { 'otlp-protocol': 'grpc' })).toThrow('--otlp-protocol: "grpc" is not one')
  expect(() => read({}, { 'otlp-endpoint': 'hunter2' })).toThrow(
    '--otlp-endpoint: the value is not',
  )
})

test('what lets the server in to a collector is never shown', () => {
  const config = read({
    [base]: 'https://user:hunter2hunter2@c/hunter5hunter5hunter5/?api_key=hunter3hunter3',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=hunter4hunter4,x-scope=1',
  })
  const shown = JSON.stringify(showSettings(config))
  expect(shown).toContain('"https://c"')
  expect(shown).toContain('x-key')
  expect(shown).not.toMatch(/hunter\d/)
  expect(secretsOf(config)).toEqual(
    expect.arrayContaining(['hunter2hunter2', 'hunter3hunter3', 'hunter4hunter4']),
  )
  expect(secretsOf(config)).toContain('hunter5hunter5hunter5')
  // Struck out wherever it stands, it would leave little of a support bundle.
  expect(secretsOf(config)).not.toContain('1')
})

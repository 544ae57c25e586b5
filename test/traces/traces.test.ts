import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeEach, expect, inject, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { connect } from '../connectors/stage.ts'
import { clientOf } from '../support/api-call.ts'
import { projectFolder } from '../support/build.ts'
import { image } from '../support/content.ts'
import { findFreePort } from '../support/free-port.ts'
import { createDatabase } from '../support/postgres.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { pushImage } from '../support/push.ts'
import { openRecordingService } from '../support/recording-service.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { basic, send } from '../support/wire.ts'
import { openReceiver, type ReceivedSpan, type Receiver } from './receiver.ts'

const folder = makeTemporaryFolder('traces')
afterAll(() => folder[Symbol.asyncDispose]())

const admin = basic('Admin', adminPassword)
const traceId = '0af7651916cd43dd8448eb211c80319c'
const parentId = 'b7ad6b7169203331'
const traceparent = `00-${traceId}-${parentId}-01`
const thing = image('traces')

let receiver: Receiver
let servers: ServerProcess[]
beforeEach(async () => {
  receiver = await openReceiver()
  servers = []
})
afterEach(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

let count = 0
async function serve(env: Record<string, string>): Promise<ServerProcess> {
  count += 1
  const server = await startProcess({ dataDir: path.join(folder.path, `data-${count}`), env })
  servers.push(server)
  return server
}

const tableOf = ({ url }: ServerProcess) => ({ url, callers: { admin } })

function get(server: ServerProcess, target: string, headers: Record<string, string> = {}) {
  return send(server.url, { method: 'GET', target, headers: { authorization: admin, ...headers } })
}

function linesOf({ logFile }: ServerProcess): Record<string, unknown>[] {
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
}

/** The names of the spans below this one. */
function childrenOf({ spanId, traceId: trace }: ReceivedSpan): string[] {
  return receiver.spans
    .filter((span) => span.parentSpanId === spanId && span.traceId === trace)
    .map(({ name }) => name)
}

function requestNamed(name: string, status: number): ReceivedSpan {
  const found = receiver.spans.find(
    (span) => span.name === name && span.attributes['http.response.status_code'] === status,
  )
  if (found === undefined) throw new Error(`no ${name} ${status}`)
  return found
}

test.for(['http/protobuf', 'http/json'])('a push and a pull, by %s', async (protocol) => {
  const server = await serve({
    OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/otlp/`,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=very%20secret%3D,x-other=2',
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test%2C1,service.name=loses',
    OTEL_SERVICE_NAME: 'images',
  })
  await pushImage(tableOf(server), 'main/team/app', thing, ['1'])
  await get(server, '/v2/main/team/app/manifests/1', { traceparent, 'user-agent': 'tester/1' })
  await get(server, `/v2/main/team/app/blobs/${thing.blobs[0]?.digest}`)
  await get(server, '/api/management/feeds/list?feed=main&key=hunter2hunter2', { traceparent })
  expect(await server.stop()).toBe(0)

  expect(receiver.requests.map((request) => request.path)).toContain('/otlp/v1/traces')
  expect(receiver.requests[0]?.headers).toMatchObject({ 'x-key': 'very secret=', 'x-other': '2' })
  const { resource } = requestNamed('PUT /v2/{name}/manifests/{reference}', 201)
  expect(resource).toMatchObject({
    'service.name': 'images',
    'service.version': expect.any(String),
    'deployment.environment.name': 'test,1',
  })

  const push = requestNamed('PUT /v2/{name}/manifests/{reference}', 201)
  expect(push.parentSpanId).toBe('')
  expect(childrenOf(push)).toEqual(expect.arrayContaining(['authenticate', 'database putManifest']))
  expect(push.attributes).toMatchObject({
    'entrepot.feed': 'main',
    'entrepot.repository': 'team/app',
    'entrepot.reference': '1',
  })
  const upload = requestNamed('PUT /v2/{name}/blobs/uploads/{upload}', 201)
  expect(childrenOf(upload)).toEqual(
    expect.arrayContaining(['store finish', 'database commitUpload']),
  )

  const pull = requestNamed('GET /v2/{name}/manifests/{reference}', 200)
  expect(pull).toMatchObject({ traceId, parentSpanId: parentId, status: 0 })
  expect(pull.end).toBeGreaterThan(pull.start)
  expect(pull.attributes).toEqual({
    'http.request.method': 'GET',
    'http.route': '/v2/{name}/manifests/{reference}',
    'http.response.status_code': 200,
    'url.path': '/v2/main/team/app/manifests/1',
    'url.scheme': 'http',
    'server.address': '127.0.0.1',
    'server.port': server.port,
    'client.address': '127.0.0.1',
    'network.peer.address': '127.0.0.1',
    'network.protocol.version': '1.1',
    'user_agent.original': 'tester/1',
    'entrepot.feed': 'main',
    'entrepot.repository': 'team/app',
    'entrepot.reference': '1',
    'entrepot.complete': true,
  })
  const blob = requestNamed('GET /v2/{name}/blobs/{digest}', 200)
  expect(childrenOf(blob)).toContain('store open')
  expect(blob.attributes['entrepot.digest']).toBe(thing.blobs[0]?.digest)
  const list = requestNamed('GET /api/management/feeds/list', 401)
  expect(list).toMatchObject({ traceId, parentSpanId: parentId })
  expect(list.attributes).toMatchObject({
    'url.path': '/api/management/feeds/list',
    'entrepot.feed': 'main',
  })
  expect(JSON.stringify(receiver.spans.map(({ attributes }) => attributes))).not.toMatch(
    new RegExp(`hunter2|${adminPassword}|${admin.slice(6)}`),
  )
})

test('what there is of spans and attributes is what the page says', async () => {
  const other = await serve({})
  await pushImage(tableOf(other), 'main/there', thing, ['1'])
  await using asked = await openRecordingService(other.port)
  const server = await serve({
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/traces`,
    ENTREPOT_LOG_LEVEL: 'debug',
  })
  await connect({ url: server.url, admin }, 'main', {
    ...{ name: 'other', url: `${asked.url}/main`, username: 'Admin', password: adminPassword },
  })
  await pushImage(tableOf(server), 'main/here', thing, ['1'])
  const pulled = await get(server, '/v2/main/there/manifests/1', { traceparent })
  expect(pulled.status).toBe(200)
  await get(server, `/v2/main/there/blobs/${thing.blobs[0]?.digest}`)
  await get(server, '/api/containers/tags/list?feed=main&repo=here')
  await get(server, '/v2/', { authorization: basic('Admin', 'wrong') })
  await send(server.url, { method: 'PROPFIND', target: '/' })
  const client = clientOf(server.url, admin)
  await call(client, api.jobs.run, { query: { job: 'FeedCleanup', feed: 'main' } })
  const job = await receiver.waitFor(({ name }) => name === 'job FeedCleanup')
  expect(await server.stop()).toBe(0)

  expect(job).toMatchObject({ parentSpanId: '', status: 0 })
  expect(childrenOf(job).every((name) => name.startsWith('database '))).toBe(true)
  expect(childrenOf(job)).not.toEqual([])
  const refused = receiver.spans.find(
    ({ name, attributes }) => name === 'authenticate' && attributes['error.type'] !== undefined,
  )
  expect(refused).toMatchObject({ status: 0, attributes: { 'error.type': 'UNAUTHORIZED' } })

  // Its body was read before.
  const made = requestNamed('POST /api/management/connectors/create', 200)
  expect(childrenOf(made)).toEqual(['authenticate', 'database insertConnector'])

  const through = requestNamed('GET /v2/{name}/manifests/{reference}', 200)
  const question = receiver.spans.find(({ name }) => name === 'connector manifest')
  expect(question).toMatchObject({ kind: 3, traceId, parentSpanId: through.spanId })
  // Another registry hears nothing of a trace.
  expect(asked.requests.length).toBeGreaterThan(0)
  for (const { headers } of asked.requests) {
    expect(Object.keys(headers).filter((name) => /^(?:trace|baggage)/.test(name))).toEqual([])
  }

  const ids = { trace_id: traceId, span_id: through.spanId }
  expect(linesOf(server)).toContainEqual(
    expect.objectContaining({ ...ids, message: 'request', url: '/v2/main/there/manifests/1' }),
  )
  const begun = linesOf(server).find(({ message }) => message === 'Entrepot serves')
  expect(begun).not.toHaveProperty('trace_id')

  const page = readFileSync(path.join(projectFolder, 'docs/traces.md'), 'utf8')
  const rowsOf = (heading: string) => {
    const [, section = ''] = page.split(`## ${heading}\n`)
    const [own = ''] = section.split('\n## ')
    return [...own.matchAll(/^\| `([^`]+)`/gm)].map(([, first = '']) => first)
  }
  const kindOf = ({ name, kind }: ReceivedSpan) =>
    kind === 2 ? 'METHOD route' : name.replace(/ .*/, ' …')
  const kinds = new Set(['statement …', ...receiver.spans.map(kindOf)])
  expect(rowsOf('Spans').toSorted()).toEqual([...kinds].toSorted())
  const attributes = receiver.spans.flatMap((span) => Object.keys(span.attributes))
  const seen = new Set(['db.query.summary', ...attributes])
  expect(rowsOf('Attributes').toSorted()).toEqual([...seen].toSorted())
  const described = Object.keys(job.resource).filter((name) => !name.startsWith('telemetry.sdk.'))
  expect(rowsOf('The server').toSorted()).toEqual(described.toSorted())
})

const missing = inject('postgresMissing')
test.skipIf(missing !== '')(`statements on PostgreSQL ${missing}`, async () => {
  const name = `traces_${randomBytes(6).toString('hex')}`
  const server = await serve({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    ENTREPOT_DATABASE_URL: await createDatabase(inject('postgresUrl'), name),
  })
  await pushImage(tableOf(server), 'main/here', thing, ['1'])
  await get(server, '/v2/main/here/manifests/1')
  expect(await server.stop()).toBe(0)
  const pull = requestNamed('GET /v2/{name}/manifests/{reference}', 200)
  expect(childrenOf(pull)).toContainEqual(expect.stringMatching(/^statement select \w+$/))
  const write = receiver.spans.find((span) => span.name === 'database putManifest')
  if (write === undefined) throw new Error('no database putManifest')
  expect(childrenOf(write)).toEqual(
    expect.arrayContaining(['statement start', 'statement insert manifests', 'statement commit']),
  )
  const start = receiver.spans.find((span) => span.name === 'statement start')
  expect(start).toMatchObject({
    ...{ kind: 3, status: 0 },
    attributes: { 'db.system.name': 'postgresql', 'db.query.summary': 'start' },
  })
})

test.for([
  ['parentbased_always_off', '1', ['asked']],
  ['parentbased_traceidratio', '0', ['asked']],
  ['parentbased_always_on', '1', ['asked', 'silent']],
  ['always_on', '1', ['asked', 'refused', 'silent']],
  ['always_off', '1', []],
  ['traceidratio', '0', []],
] as const)('the sampler %s %s', async ([sampler, ratio, sampled]) => {
  const server = await serve({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_TRACES_SAMPLER: sampler,
    OTEL_TRACES_SAMPLER_ARG: ratio,
  })
  await get(server, '/v2/', { 'user-agent': 'silent' })
  await get(server, '/v2/', { 'user-agent': 'asked', traceparent })
  await get(server, '/v2/', {
    'user-agent': 'refused',
    traceparent: traceparent.replace(/01$/, '00'),
  })
  expect(await server.stop()).toBe(0)
  const agents = receiver.spans
    .filter(({ name }) => name === 'GET /v2/')
    .map(({ attributes }) => attributes['user_agent.original'])
  expect(agents.toSorted()).toEqual(sampled)
})

/** More than one batch. */
async function ask600(server: ServerProcess) {
  for (let i = 0; i < 60; i += 1) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => get(server, '/v2/')))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
  }
}

test.for([
  ['is not there', undefined, /ECONNREFUSED/],
  ['says nothing', null, /it does not answer/],
  ['refuses', 401, /it answers 401/],
] as const)('a collector that %s disturbs nobody', async ([, answers, reason]) => {
  if (answers !== undefined) receiver.answers = answers
  const url = answers === undefined ? `http://127.0.0.1:${await findFreePort()}` : receiver.url
  const server = await serve({
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=hunter2hunter2',
  })
  await ask600(server)
  expect(await server.stop()).toBe(0)
  const told = linesOf(server).filter(({ message }) => /^Traces/.test(String(message)))
  expect(told).toEqual([
    {
      level: 'warn',
      time: expect.any(String),
      collector: new URL(url).host,
      reason: expect.stringMatching(reason),
      lost: expect.any(Number),
      message: 'Traces cannot be sent to their collector',
    },
  ])
  expect(readFileSync(server.logFile, 'utf8')).not.toMatch(/hunter2|\n\s+at /)
})

test('what a collector could not take just now is sent again', async () => {
  receiver.answers = 503
  const server = await serve({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url })
  await ask600(server)
  while (receiver.requests.length === 0) await get(server, '/v2/')
  expect(receiver.spans).toEqual([])
  receiver.answers = 200
  await receiver.waitFor(({ name }) => name === 'GET /health')
  expect(await server.stop()).toBe(0)
  expect(linesOf(server)).toEqual([])
})

test.for([
  ['on', {}, true],
  ['switched off', { OTEL_SDK_DISABLED: 'true' }, false],
  ['not exported', { OTEL_TRACES_EXPORTER: 'none' }, false],
  ['off', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false],
] as const)('the library is loaded when traces are on: %s', async ([name, env, isLoaded]) => {
  const coverage = path.join(folder.path, `loaded ${name}`)
  const server = await serve({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    // Node writes there which files it ran.
    NODE_V8_COVERAGE: coverage,
    ...env,
  })
  await get(server, '/v2/', { traceparent })
  expect(await server.stop()).toBe(0)
  const loaded = readdirSync(coverage).map((file) =>
    readFileSync(path.join(coverage, file), 'utf8'),
  )
  expect(loaded.join('')).toContain('dist/server/app-')
  expect(/dist\/server\/sdk-traces-/.test(loaded.join(''))).toBe(isLoaded)
  expect(receiver.requests.length > 0).toBe(isLoaded)
})

test('a variable that means nothing here is told of, and the server starts', async () => {
  const server = await serve({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_TRACES_SAMPLER: 'xray',
  })
  await get(server, '/v2/')
  expect(await server.stop()).toBe(0)
  expect(receiver.spans.map(({ name }) => name)).toContain('GET /v2/')
  expect(linesOf(server).map(({ reason }) => reason)).toEqual([
    'OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not one of http/protobuf, http/json',
    expect.stringContaining('OTEL_TRACES_SAMPLER: "xray" is not one of'),
  ])
})

import { z } from 'zod'
import { route } from './route.ts'
import { line, name, time } from './words.ts'

const filter = z.string().min(1).max(256)
const filters = z.array(filter).max(1000).meta({
  description:
    'Repositories: `*` stands for any text, `!` in front blocks. With an allowing one, what none allows is blocked.',
})
const realmHosts = z.array(z.string().min(1).max(300)).max(20).meta({
  description: 'Other hosts that may be sent the credentials in exchange for a token.',
})
const freshnessSeconds = z.int().meta({
  description: 'How long a tag that was asked for is not asked for again; 300 if absent.',
})
const allowPrivate = z.boolean().meta({
  description: 'Whether its address may be loopback or private; link-local ones are never called.',
})
const libraryPrefix = z.boolean().meta({
  description:
    'Whether a name without a slash is also looked for below `library/`, as on Docker Hub.',
})

export const ConnectorInfo = z.object({
  name: z.string(),
  feedType: z.literal('docker'),
  enabled: z.boolean(),
  url: z.string().nullable().meta({ description: 'Null: it is another registry of this server.' }),
  feed: z.string().nullable().meta({ description: 'That registry; null: somewhere else.' }),
  username: z.string().nullable(),
  hasPassword: z.boolean(),
  timeout: z.int().meta({ description: 'Seconds.' }),
  filters,
  caCertificate: z.string().nullable(),
  allowPrivate,
  realmHosts,
  freshnessSeconds,
  libraryPrefix,
  feeds: z.array(z.string()).meta({ description: 'Registries that ask it.' }),
  lastError: z.object({ at: time, message: z.string() }).nullable().meta({
    description:
      'Null: it answered since, or nothing was asked since this process began or the connector was changed.',
  }),
  rateLimit: z
    .object({
      limit: z.int().nullable(),
      remaining: z.int(),
      windowSeconds: z.int().nullable(),
      at: time,
    })
    .nullable()
    .meta({ description: 'What the other registry last said of how many requests it takes.' }),
})
export type ConnectorInfo = z.infer<typeof ConnectorInfo>

const unused = { description: 'Of ProGet; taken and not used: `freshnessSeconds` says how long.' }

const changes = {
  feedType: z.literal('docker').optional(),
  enabled: z.boolean().optional(),
  url: z.string().min(1).max(2000).nullable().optional().meta({
    description:
      '`https` (or `http`), host and port of the other registry; a path behind them is put in front of every repository.',
  }),
  feed: name.nullable().optional().meta({ description: 'Instead: a registry of this server.' }),
  username: z.string().max(300).nullable().optional(),
  password: z.string().max(4096).nullable().optional().meta({
    description: 'Never shown. Absent: as it is; null: none.',
  }),
  timeout: z.int().optional().meta({ description: 'Seconds; 30 if absent.' }),
  filters: filters.optional(),
  caCertificate: z.string().max(100_000).nullable().optional().meta({
    description: 'PEM, trusted beside the usual authorities.',
  }),
  allowPrivate: allowPrivate.optional(),
  realmHosts: realmHosts.optional(),
  freshnessSeconds: freshnessSeconds.optional(),
  libraryPrefix: libraryPrefix.optional(),
  metadataCacheEnabled: z.boolean().optional().meta(unused),
  metadataCacheMinutes: z.int().optional().meta(unused),
  metadataCacheCount: z.int().optional().meta(unused),
}

const params = z.strictObject({ name })

export const connectors = {
  list: route('GET', '/api/management/connectors/list', {
    summary: 'List connectors, by name',
    reply: z.array(ConnectorInfo),
  }),
  get: route('GET', '/api/management/connectors/get/:name', {
    summary: 'Get a connector',
    params,
    reply: ConnectorInfo,
  }),
  create: route('POST', '/api/management/connectors/create', {
    summary: 'Create a connector',
    description: 'To another registry (`url`), or to a registry of this server (`feed`).',
    also: ['PUT'],
    body: z.strictObject({ name: line(100), ...changes }),
    reply: ConnectorInfo,
  }),
  update: route('POST', '/api/management/connectors/update/:name', {
    summary: 'Change a connector',
    description:
      'Only what is named is changed; a list is replaced. Another address, user, authority or realm host is taken together with the password only.',
    also: ['PUT'],
    params,
    body: z.strictObject({ name: line(100).optional(), ...changes }),
    reply: ConnectorInfo,
  }),
  delete: route('POST', '/api/management/connectors/delete/:name', {
    summary: 'Delete a connector',
    description: 'What came through it stays. Also where there is none of that name.',
    also: ['DELETE'],
    params,
  }),
  test: route('POST', '/api/management/connectors/test', {
    summary: 'Try a connector',
    description: 'Changes nothing. `step` says where it failed.',
    body: z.strictObject({
      connector: name,
      repository: z.string().max(255).optional(),
    }),
    reply: z.object({
      ok: z.boolean(),
      step: z.enum(['address', 'dns', 'connect', 'tls', 'timeout', 'token', 'answer']).nullable(),
      message: z.string(),
    }),
  }),
}

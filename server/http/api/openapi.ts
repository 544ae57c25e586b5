import { z } from 'zod'
import { api, type Resource } from '../../../contract/api.ts'
import { Problem } from '../../../contract/problem.ts'
import type { Route } from '../../../contract/route.ts'
import type { Need } from './need.ts'
import { describeNeed, needs } from './needs.ts'

type Json = Readonly<Record<string, unknown>>

/** The management API in OpenAPI 3.1, from the contract's tables. */
export function openApiDocument(version: string): Json {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const resource of Object.keys(api) as Resource[]) {
    for (const [name, route] of Object.entries(api[resource])) {
      const path = route.path.replace(/:(\w+)/g, '{$1}')
      const need = (needs[resource] as Record<string, unknown>)[name] as Need
      const operations = paths[path] ?? {}
      for (const method of [route.method, ...route.also]) {
        const suffix = method === route.method ? '' : `_${method.toLowerCase()}`
        operations[method.toLowerCase()] = {
          operationId: `${resource}_${name}${suffix}`,
          tags: [resource],
          ...operation(route, need),
        }
      }
      paths[path] = operations
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Entrepot',
      version,
      description: 'The management API. Clients of images speak /v2, which is not in here.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: (Object.keys(api) as Resource[]).map((name) => ({
      name,
      description: descriptions[name],
    })),
    paths,
    components: {
      schemas: { Problem: schemaOf(Problem, 'output') },
      responses: { Problem: problemResponse },
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'X-ApiKey' },
        keyInAddress: { type: 'apiKey', in: 'query', name: 'key' },
        password: { type: 'http', scheme: 'basic' },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-entrepot' },
      },
    },
  }
}

const descriptions: Readonly<Record<Resource, string>> = {
  apiKeys: 'Keys for scripts and clients.',
  audit: 'What happened, who did it and from where.',
  deletions: 'Many tags and images of a repository at once, with a preview.',
  directories: 'Where users come from: LDAP and OpenID Connect.',
  feedGroups: 'Groups of registries.',
  feeds: 'Registries and their settings.',
  health: 'What a client would see of this server.',
  imageFiles: 'The files in the layers of images.',
  images: 'Images, indexes and artifacts, tagged or not.',
  jobs: 'Work by schedule or on demand, with its history and logs.',
  privileges: 'What somebody may do, with the rule that decides.',
  registries: 'Registries with what is in them.',
  repositories: 'Repositories of a registry.',
  retention: 'Rules by which images are deleted by themselves.',
  search: 'Registries, repositories, tags and digests by a part of their name.',
  securityGroups: 'Groups of users.',
  securityPermissions: 'Permissions and restrictions.',
  securityTasks: 'Named sets of attributes.',
  securityTransfer: 'Moving users and rights to another server.',
  securityUsers: 'Users of this server and of its directories.',
  sessions: 'Logging in and out of the pages.',
  settings: 'Settings that can be changed while the server runs.',
  sizes: 'How large everything is, and what deleting would free.',
  storage: 'Where registries keep their images.',
  tags: 'Tags of a repository.',
}

const problemResponse = {
  description: 'A refusal (RFC 9457); `code` says which.',
  content: {
    'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
  },
}

const everyWay = [{ apiKey: [] }, { keyInAddress: [] }, { password: [] }, { session: [] }]

function operation(route: Route, need: Need): Json {
  const description = [route.description, `Needs: ${describeNeed(need)}.`]
    .filter(Boolean)
    .join('\n\n')
  const body = schemaOf(route.body, 'input')
  const takesBody = route.method !== 'GET' && Object.keys(fieldsOf(body)).length > 0
  return {
    summary: route.summary,
    description,
    security: need.kind === 'open' ? [] : need.kind === 'anyone' ? [{}, ...everyWay] : everyWay,
    parameters: [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')],
    ...(takesBody && {
      requestBody: { required: true, content: { 'application/json': { schema: body } } },
    }),
    responses: {
      200: {
        description: 'Done.',
        ...(route.paged && {
          headers: {
            Link: {
              description: 'Where the next page is (`rel="next"`); absent on the last.',
              schema: { type: 'string' },
            },
          },
        }),
        content: route.bytes
          ? { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } }
          : {
              [route.text ? 'text/plain' : 'application/json']: {
                schema: schemaOf(route.reply, 'output'),
              },
            },
      },
      ...(route.revalidated && {
        304: { description: 'Nothing has changed since the ETag of `If-None-Match`.' },
      }),
      '4XX': { $ref: '#/components/responses/Problem' },
      default: { $ref: '#/components/responses/Problem' },
    },
  }
}

function parametersOf(schema: z.ZodType, where: 'path' | 'query'): Json[] {
  const json = schemaOf(schema, 'input')
  const required = Array.isArray(json.required) ? json.required : []
  return Object.entries(fieldsOf(json)).map(([name, field]) => {
    const { description, ...rest } = field as { readonly description?: string }
    return {
      name,
      in: where,
      required: where === 'path' || required.includes(name),
      ...(description !== undefined && { description }),
      schema: rest,
    }
  })
}

function fieldsOf(schema: Json): Json {
  return (schema.properties ?? {}) as Json
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io }) as Json & { $schema?: unknown }
  return json
}

import type { FastifyRequest } from 'fastify'
import type { Body } from './body.ts'

export type Fields = Readonly<Record<string, unknown>>

/** A request as it came, without the keys in it: nothing is checked yet. */
export interface Sent {
  readonly params: Fields
  readonly query: Fields
  readonly body: unknown
  /** API keys in the address, the JSON body or the form. */
  readonly keys: readonly unknown[]
  readonly isJson: boolean
}

/** Where ProGet takes keys: `key` of the address, `API_Key` of JSON, `key` of a form. */
export function readSent(request: FastifyRequest): Sent {
  const body = request.body as Body | null | undefined
  const [query, queryKeys] = takeOut(request.query, 'key')
  const [value, bodyKeys] = takeOut(
    body?.value ?? {},
    body?.form === 'urlencoded' ? 'key' : 'API_Key',
  )
  return {
    params: fieldsOf(request.params),
    query: fieldsOf(query),
    body: value,
    keys: [...queryKeys, ...bodyKeys],
    isJson: body?.form === 'json',
  }
}

/** Object fields by name; nothing for what is no object. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : {}
}

function takeOut(value: unknown, name: string): readonly [rest: unknown, taken: unknown[]] {
  const fields = fieldsOf(value)
  if (!Object.hasOwn(fields, name)) return [value, []]
  const { [name]: taken, ...rest } = fields
  return [rest, [taken]]
}

/** The same without what is undefined: what is absent stays as it is. */
export function definedOf<T extends object>(fields: T): Defined<T> {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known) as Defined<T>
}

export type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }

export type Json = Readonly<Record<string, unknown>>

/** JSON Schema as zod writes it. */
export interface Schema {
  readonly type?: string
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly format?: string
  readonly pattern?: string
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

export interface SchemaRow {
  /** With its way there: `layers[].digest`. */
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly description: string
}

const maxDepth = 4

/** A line for each field, those inside of others too. `field` null: the schema is a whole body. */
export function schemaRows(
  schema: Schema,
  field: { readonly name: string; readonly required: boolean } | null,
  depth = 0,
): SchemaRow[] {
  const { description = '' } = schema
  const own =
    field === null && schema.properties !== undefined
      ? []
      : [
          {
            name: field?.name ?? (schema.type === 'array' ? '[]' : '(all)'),
            type: typeOf(schema),
            required: field?.required ?? true,
            description,
          },
        ]
  if (depth >= maxDepth) return own
  return [...own, ...fieldsOf(schema, field?.name ?? '', depth)]
}

function fieldsOf(schema: Schema, prefix: string, depth: number): SchemaRow[] {
  const { items, properties, required = [] } = schema
  if (items !== undefined) return fieldsOf(items, `${prefix}[]`, depth)
  const inner = schema.anyOf?.find((each) => each.properties ?? each.items)
  if (inner !== undefined) return fieldsOf(inner, prefix, depth)
  return Object.entries(properties ?? {}).flatMap(([name, each]) => {
    const full = prefix === '' ? name : `${prefix}.${name}`
    return schemaRows(each, { name: full, required: required.includes(name) }, depth + 1)
  })
}

function typeOf(schema: Schema): string {
  const { type, format, items, anyOf } = schema
  if (schema.enum !== undefined) return schema.enum.map((each) => JSON.stringify(each)).join(' | ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (anyOf !== undefined) return anyOf.map(typeOf).join(' | ')
  if (items !== undefined) return `list of ${typeOf(items)}`
  return format === undefined ? (type ?? 'anything') : `${type} (${format})`
}

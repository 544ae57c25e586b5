import type { FeedStorage, StoreKind } from '../../../../../contract/storage.ts'

type KindId = StoreKind['id']
type Field = string | boolean
type Property = StoreKind['properties'][string]

/** What the form holds: the kind that is chosen, and what was filled in for each. */
export type PlaceValues = { id: KindId } & Record<KindId, Record<string, Field>>

/** As it is now; a secret is empty, and so is every other kind. */
export function placeValuesOf(kinds: readonly StoreKind[], current: FeedStorage): PlaceValues {
  const values: PlaceValues = { id: current.id, disk: {}, s3: {}, azure: {} }
  for (const { id, properties } of kinds) {
    const known = id === current.id ? current.properties : {}
    values[id] = Object.fromEntries(
      Object.values(properties).map((property) => [
        property.name,
        fieldOf(property, known[property.name]),
      ]),
    )
  }
  return values
}

function fieldOf({ type, placeholder }: Property, value: string | undefined): Field {
  // Where nothing is set, a placeholder says what holds.
  if (type === 'boolean') return isTrue(value ?? placeholder)
  return value ?? ''
}

/** What is sent: nothing for what is empty, or a switch that is as it would be without. */
export function storageOf(
  kinds: readonly StoreKind[],
  values: PlaceValues,
): { id: KindId; properties: Record<string, string | boolean | number> } {
  const { id } = values
  const all = Object.values(kinds.find((kind) => kind.id === id)?.properties ?? {})
  const given = all.flatMap((property) => {
    const value = sentOf(property, values[id][property.name] ?? '')
    return value === undefined ? [] : [[property.name, value] as const]
  })
  return { id, properties: Object.fromEntries(given) }
}

function sentOf({ type, placeholder }: Property, value: Field) {
  if (type === 'boolean') return value === isTrue(placeholder) ? undefined : value
  const text = String(value).trim()
  if (text === '') return undefined
  return type === 'integer' && /^\d+$/.test(text) ? Number(text) : text
}

/** Whether it stays where it is, so that nothing has to move. */
export function isSamePlace(
  kind: StoreKind,
  current: FeedStorage,
  properties: Readonly<Record<string, unknown>>,
): boolean {
  if (kind.id !== current.id) return false
  return Object.values(kind.properties)
    .filter(({ isPlace }) => isPlace)
    .every(({ name, type }) =>
      // What a new secret says of the place, the server alone can read.
      type === 'secret'
        ? properties[name] === undefined
        : bare(properties[name]) === bare(current.properties[name]),
    )
}

/** The place in a few words. */
export function placeInWords(kind: StoreKind, properties: Readonly<Record<string, unknown>>) {
  return Object.values(kind.properties)
    .filter(({ isPlace, type }) => isPlace && type !== 'secret')
    .flatMap(({ name }) => (properties[name] === undefined ? [] : [String(properties[name])]))
    .join(' ')
}

function bare(value: unknown): string {
  return String(value ?? '').replace(/^\/+|\/+$/g, '')
}

function isTrue(text: string): boolean {
  return text.toLowerCase() === 'true'
}

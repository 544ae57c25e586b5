import type { AzureSettings } from '../blobs/azure-settings.ts'
import type { CloudPlace } from '../blobs/cloud.ts'
import type { S3Settings } from '../blobs/s3-settings.ts'
import { type FieldProblem, RegistryError, refuseField } from '../domain/errors.ts'
import { isNetwork } from './networks.ts'
import { type StoreKind, type StoreProperty, storeKinds } from './store-kinds.ts'

export type Properties = Readonly<Record<string, string>>

/** What is kept of a store: which place, how it is used, and what nobody may read. */
export interface StoreParts {
  readonly type: StoreKind['id']
  readonly place: Properties
  readonly options: Properties
  readonly secrets: Properties
}

const mebibyte = 1024 * 1024
const gibibyte = 1024 * mebibyte

/** Throws INVALID_FIELDS naming the kinds that there are. */
export function getStoreKind(id: string): StoreKind {
  const ids = storeKinds.map((kind) => kind.id)
  return (
    storeKinds.find((kind) => kind.id === id.toLowerCase()) ??
    refuseField('id', `There is no kind of store "${id.slice(0, 50)}", but ${ids.join(', ')}.`)
  )
}

/**
 * Sorts properties. A secret that is absent or empty is as it was in `before`, and one that is null is
 * kept no longer. Throws INVALID_FIELDS for all that is missing, unknown or not possible.
 */
export function parseProperties(
  kind: StoreKind,
  given: Readonly<Record<string, unknown>>,
  before: Properties = {},
): StoreParts {
  const problems: FieldProblem[] = []
  const texts = new Map<StoreProperty, string>()
  for (const [name, value] of Object.entries(given)) {
    const found = kind.properties.find((each) => each.name.toLowerCase() === name.toLowerCase())
    if (found === undefined) {
      const known = kind.properties.map((each) => each.name).join(', ')
      problems.push({ field: name, message: `${kind.name} has no "${name}", but ${known}.` })
      continue
    }
    const text = value === null || value === undefined ? '' : String(value).trim()
    const problem = problemOf(found, text)
    if (problem !== undefined) problems.push({ field: found.name, message: problem })
    else if (text !== '') texts.set(found, text)
  }
  const part = (wanted: (each: StoreProperty) => boolean): Properties =>
    Object.fromEntries(
      [...texts].filter(([each]) => wanted(each)).map(([each, text]) => [each.name, text]),
    )
  const secrets = keptSecrets(given, { ...before, ...part(({ type }) => type === 'secret') })
  const place = part((each) => each.isPlace && each.type !== 'secret')
  const options = part((each) => !each.isPlace && each.type !== 'secret')
  const account = accountOf(secrets.ConnectionString)
  const whole =
    kind.id === 'azure' && account !== undefined ? { ...place, Account: account } : place
  const parts = { type: kind.id, place: normalised(whole), options, secrets }
  problems.push(...missingOf(kind, parts))
  if (problems.length > 0) {
    const message = problems.map((each) => each.message).join(' ')
    throw new RegistryError('INVALID_FIELDS', message, { detail: problems })
  }
  return parts
}

/** Without those that were given as null, and those that are of no use without an access key. */
function keptSecrets(given: Readonly<Record<string, unknown>>, secrets: Properties): Properties {
  const values = new Map(
    Object.entries(given).map(([name, value]) => [name.toLowerCase(), value] as const),
  )
  const isKept = (name: string) =>
    values.get(name.toLowerCase()) !== null &&
    (name !== 'SecretAccessKey' || hasText(values.get('accesskey')))
  return Object.fromEntries(Object.entries(secrets).filter(([name]) => isKept(name)))
}

function hasText(value: unknown): boolean {
  return value !== null && value !== undefined && String(value).trim() !== ''
}

function problemOf({ name, type }: StoreProperty, text: string): string | undefined {
  if (text.length > 4000) return `${name} is too long.`
  if (text === '') return undefined
  if (type === 'boolean' && !/^(?:true|false)$/i.test(text)) return `${name} is true or false.`
  if (type === 'integer' && !/^[1-9][0-9]{0,3}$/.test(text)) return `${name} is a whole number.`
  if (name === 'PartSizeMiB' && Number(text) < 5) return 'S3 takes no parts below 5 MiB.'
  if (/Url$/.test(name) && !isHttpUrl(text))
    return `${name} is an address, without a question mark: https://….`
  if (name === 'NeverRedirect') return networkProblem(text)
  return undefined
}

function networkProblem(text: string): string | undefined {
  const wrong = text.split(',').find((network) => !isNetwork(network.trim()))
  if (wrong === undefined) return undefined
  return `NeverRedirect has "${wrong.trim()}": not an address, nor a network such as 10.0.0.0/8.`
}

function isHttpUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.username === '' && url.password === ''
  // What is behind a question mark may be a signature, and an address is not kept secret.
  const isBare = url?.search === '' && url.hash === ''
  return isPlain && isBare && (url.protocol === 'https:' || url.protocol === 'http:')
}

function missingOf(kind: StoreKind, { place, options, secrets }: StoreParts): FieldProblem[] {
  const all: Properties = { ...place, ...options, ...secrets }
  const missing = kind.properties
    .filter(({ name, required }) => required && all[name] === undefined)
    .map(({ name }) => name)
  if (kind.id === 's3' && all.AccessKey && !all.SecretAccessKey) missing.push('SecretAccessKey')
  if (kind.id === 'azure' && !all.ContainerUrl) {
    if (!all.ConnectionString) missing.push('ConnectionString')
    if (!all.ContainerName) missing.push('ContainerName')
  }
  return missing.map((field) => ({ field, message: `${field} is needed.` }))
}

/** The same place is written the same way, so that it is one store. */
function normalised(place: Properties): Properties {
  const { TargetPath, CustomServiceUrl, ContainerUrl, ...rest } = place
  const path = TargetPath?.replace(/^\/+|\/+$/g, '') ?? ''
  const bare = (url: string) => url.replace(/\/+$/, '')
  return sorted({
    ...rest,
    ...(path !== '' && { TargetPath: `${path}/` }),
    ...(CustomServiceUrl && { CustomServiceUrl: bare(CustomServiceUrl) }),
    ...(ContainerUrl && { ContainerUrl: bare(ContainerUrl) }),
  })
}

/** What of a connection string says which place it is. */
function accountOf(connectionString = ''): string | undefined {
  const values = new Map(
    connectionString.split(';').map((pair) => {
      const [name = '', ...value] = pair.split('=')
      return [name.trim().toLowerCase(), value.join('=').trim()] as const
    }),
  )
  return values.get('blobendpoint') || values.get('accountname') || undefined
}

function sorted(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function isTrue(text: string | undefined): boolean {
  return text?.toLowerCase() === 'true'
}

/** How much of it is kept on this machine too; null: nothing. */
export function cacheBytesOf({ options }: StoreParts): number | null {
  return options.CacheGiB === undefined ? null : Number(options.CacheGiB) * gibibyte
}

/** What opens it. Not for a folder. */
export function cloudPlaceOf(parts: StoreParts): CloudPlace {
  if (parts.type === 's3') return { type: 's3', settings: s3SettingsOf(parts) }
  return { type: 'azure', settings: azureSettingsOf(parts) }
}

function s3SettingsOf({ place, options, secrets }: StoreParts): S3Settings {
  const { AccessKey: accessKeyId, KmsKeyId: kmsKeyId = null, PartSizeMiB } = options
  const { SecretAccessKey: secretAccessKey } = secrets
  const kind = kmsKeyId === null ? ('AES256' as const) : ('aws:kms' as const)
  return {
    bucket: place.BucketName ?? '',
    prefix: place.TargetPath ?? '',
    region: options.RegionEndpoint ?? 'us-east-1',
    endpoint: place.CustomServiceUrl ?? null,
    pathStyle: isTrue(options.PathStyle),
    credentials: accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : null,
    encryption: isTrue(options.Encrypted) || kmsKeyId !== null ? { kind, kmsKeyId } : null,
    uniformPartBytes: PartSizeMiB === undefined ? null : Number(PartSizeMiB) * mebibyte,
    publicEndpoint: options.PublicUrl ?? null,
  }
}

function azureSettingsOf({ place, options, secrets }: StoreParts): AzureSettings {
  return {
    connectionString: secrets.ConnectionString ?? null,
    containerName: place.ContainerName ?? null,
    containerUrl: place.ContainerUrl ?? null,
    prefix: place.TargetPath ?? '',
    publicEndpoint: options.PublicUrl ?? null,
  }
}

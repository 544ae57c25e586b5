import type { Config } from '../config.ts'

const hidden = 'set, not shown'

/** The configuration as somebody else may see it: passwords and keys are struck out. */
export function showSettings(config: Config): Readonly<Record<string, unknown>> {
  const { listen, tls, backup, databaseUrl, adminPassword, secretKey, ...others } = config
  const { defaultStore, traces, ...rest } = others
  return {
    ...rest,
    listen: `${listen.host}:${listen.port}`,
    databaseUrl: withoutPassword(databaseUrl),
    tls: tls === null ? null : { certFile: tls.certFile, keyFile: tls.keyFile },
    backup: {
      ...backup,
      s3: { ...backup.s3, credentials: backup.s3.credentials === null ? null : hidden },
    },
    defaultStore: defaultStore === null ? null : hidden,
    traces: showTraces(traces),
    adminPassword: adminPassword === null ? null : hidden,
    secretKey: secretKey === null ? null : hidden,
  }
}

/** Everything of the configuration that nobody may see, also as part of an address. */
export function secretsOf(config: Config): string[] {
  const { databaseUrl, adminPassword, secretKey, defaultStore, backup, traces } = config
  const url = databaseUrl.startsWith('postgres:') ? URL.parse(databaseUrl) : null
  const password = url?.password ?? ''
  const named = url?.searchParams.get('password') ?? ''
  const ofStore = Object.entries(defaultStore?.properties ?? {}).flatMap(([name, value]) =>
    /secret|connection/i.test(name) ? [String(value)] : [],
  )
  const { accessKeyId = '', secretAccessKey = '' } = backup.s3.credentials ?? {}
  return [
    ...[adminPassword, secretKey, password, decodeURIComponent(password), named],
    ...ofStore,
    ...[accessKeyId, secretAccessKey],
    ...secretsOfCollector(traces),
  ]
    .filter((text) => text !== null)
    .filter((text) => text !== '')
}

/** What is shorter opens nothing, and stands in other words. */
function secretsOfCollector({ url, headers }: Config['traces']): string[] {
  const address = url === null ? null : URL.parse(url)
  const path = address?.pathname.split('/').filter((part) => part.length >= 16) ?? []
  const texts = [address?.password ?? '', ...path, ...(address?.searchParams.values() ?? [])]
  return [...texts, ...Object.values(headers)].filter(({ length }) => length >= 6)
}

/** Headers are there to be let in; so may the rest of an address be. */
function showTraces({ url, headers, ...rest }: Config['traces']) {
  const address = url === null ? null : URL.parse(url)
  return {
    ...rest,
    url: address === null ? null : address.origin,
    headers: Object.fromEntries(Object.keys(headers).map((name) => [name, hidden])),
  }
}

function withoutPassword(databaseUrl: string): string {
  if (!databaseUrl.startsWith('postgres:')) return databaseUrl
  const url = URL.parse(databaseUrl)
  if (url === null) return hidden
  if (url.password !== '') url.password = 'hidden'
  // libpq takes almost everything as a parameter, the password too.
  for (const name of [...url.searchParams.keys()]) {
    if (/pass|secret|key/i.test(name)) url.searchParams.set(name, 'hidden')
  }
  return url.href
}

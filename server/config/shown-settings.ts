import type { Config } from '../config.ts'

const hidden = 'set, not shown'

/** The configuration as somebody else may see it: passwords and keys are struck out. */
export function showSettings(config: Config): Readonly<Record<string, unknown>> {
  const { listen, tls, backup, databaseUrl, adminPassword, secretKey, ...rest } = config
  return {
    ...rest,
    listen: `${listen.host}:${listen.port}`,
    databaseUrl: withoutPassword(databaseUrl),
    tls: tls === null ? null : { certFile: tls.certFile, keyFile: tls.keyFile },
    backup: {
      ...backup,
      s3: { ...backup.s3, credentials: backup.s3.credentials === null ? null : hidden },
    },
    adminPassword: adminPassword === null ? null : hidden,
    secretKey: secretKey === null ? null : hidden,
  }
}

/** Everything of the configuration that nobody may see, also as part of an address. */
export function secretsOf({ databaseUrl, adminPassword, secretKey, backup }: Config): string[] {
  const url = databaseUrl.startsWith('postgres:') ? URL.parse(databaseUrl) : null
  const password = url?.password ?? ''
  const named = url?.searchParams.get('password') ?? ''
  const { accessKeyId = '', secretAccessKey = '' } = backup.s3.credentials ?? {}
  const ofBucket = [accessKeyId, secretAccessKey]
  return [adminPassword, secretKey, password, decodeURIComponent(password), named, ...ofBucket]
    .filter((text) => text !== null)
    .filter((text) => text !== '')
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

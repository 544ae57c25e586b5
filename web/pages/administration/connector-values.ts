import type { ConnectorInfo } from '../../../contract/connectors.ts'

/** What the fields of the form hold: numbers as they are typed, '' for none. */
export interface ConnectorValues extends Record<string, unknown> {
  name: string
  enabled: boolean
  kind: 'url' | 'feed'
  url: string
  feed: string | null
  username: string
  password: string
  timeout: number | ''
  filters: string[]
  caCertificate: string
  allowPrivate: boolean
  realmHosts: string[]
  freshnessSeconds: number | ''
  libraryPrefix: boolean
}

const defaults = { timeout: 30, freshnessSeconds: 300 }

/** A connector that leads nowhere yet. */
export const newConnector: ConnectorValues = {
  ...{ name: '', enabled: true, kind: 'url', url: '', feed: null, username: '', password: '' },
  ...{ ...defaults, filters: [], caCertificate: '', allowPrivate: false, realmHosts: [] },
  libraryPrefix: false,
}

export function valuesOf(connector: ConnectorInfo): ConnectorValues {
  const { name, enabled, url, feed, username, filters, caCertificate, realmHosts } = connector
  if (url === null) return { ...newConnector, name, enabled, kind: 'feed', feed }
  const { timeout, freshnessSeconds, allowPrivate, libraryPrefix } = connector
  return {
    ...{ name, enabled, kind: 'url', url, feed: null, password: '' },
    ...{ username: username ?? '', caCertificate: caCertificate ?? '' },
    ...{ timeout, freshnessSeconds, allowPrivate, libraryPrefix },
    ...{ filters: [...filters], realmHosts: [...realmHosts] },
  }
}

/** What is sent to make a connector. */
export function creationOf(values: ConnectorValues) {
  return { name: values.name.trim(), ...fieldsOf(values), ...passwordOf(values) }
}

/** What is sent to change it: what was changed, and no more. */
export function changesOf(values: ConnectorValues, before: ConnectorInfo) {
  const old = valuesOf(before)
  const fields = { name: values.name.trim(), ...fieldsOf(values) }
  const known: Readonly<Record<string, unknown>> =
    old.kind === values.kind ? { name: old.name, ...fieldsOf(old) } : {}
  const changed = Object.entries(fields).filter(
    ([field, value]) => JSON.stringify(value) !== JSON.stringify(known[field]),
  )
  return { ...(Object.fromEntries(changed) as Partial<typeof fields>), ...passwordOf(values) }
}

type Fields = Partial<
  Pick<
    ConnectorInfo,
    | 'enabled'
    | 'url'
    | 'feed'
    | 'username'
    | 'timeout'
    | 'filters'
    | 'caCertificate'
    | 'allowPrivate'
    | 'realmHosts'
    | 'freshnessSeconds'
    | 'libraryPrefix'
  >
>

/** A registry of this server is asked with no more than its name. */
function fieldsOf(values: ConnectorValues): Fields {
  const { enabled, kind, feed, filters, allowPrivate, realmHosts, libraryPrefix } = values
  if (kind === 'feed') return { enabled, feed }
  return {
    ...{ enabled, filters, allowPrivate, realmHosts, libraryPrefix },
    url: values.url.trim(),
    username: values.username.trim() || null,
    caCertificate: values.caCertificate.trim() || null,
    timeout: values.timeout === '' ? defaults.timeout : values.timeout,
    freshnessSeconds:
      values.freshnessSeconds === '' ? defaults.freshnessSeconds : values.freshnessSeconds,
  }
}

function passwordOf({ kind, password }: ConnectorValues): { password?: string } {
  return kind === 'url' && password !== '' ? { password } : {}
}

/** What a registry needs that everybody knows, and nobody knows by heart. */
export function presetsOf(url: string): Pick<ConnectorValues, 'realmHosts' | 'libraryPrefix'> {
  const host = URL.canParse(url) ? new URL(url).host : ''
  const isDockerHub = /^(?:(?:index|registry-1)\.)?docker\.io$|^hub\.docker\.com$/.test(host)
  return { realmHosts: isDockerHub ? ['auth.docker.io'] : [], libraryPrefix: isDockerHub }
}

/** "Asked only for team/*, but never for team/secret." */
export function filtersInWords(filters: readonly string[]): string {
  const blocked = filters.filter((one) => one.startsWith('!')).map((one) => one.slice(1))
  const allowed = filters.filter((one) => !one.startsWith('!'))
  const asked = allowed.length === 0 ? 'for every repository' : `only for ${allowed.join(', ')}`
  return `Asked ${asked}${blocked.length === 0 ? '' : `, but never for ${blocked.join(', ')}`}.`
}

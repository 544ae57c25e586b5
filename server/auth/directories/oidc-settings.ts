import { SettingsReader } from './settings-reader.ts'

/** How to log in with an OpenID Connect provider. The client secret is kept apart, encrypted. */
export interface OidcSettings {
  /** Exactly as the provider names itself. */
  readonly issuer: string
  readonly clientId: string
  /** `openid` is always asked for. */
  readonly scopes: readonly string[]
  readonly userNameClaim: string
  readonly displayNameClaim: string
  readonly emailClaim: string
  readonly groupsClaim: string
  /** Only members of one of these may log in; none: everybody whom the provider lets in. */
  readonly allowedGroups: readonly string[]
  /** Whether who was never here becomes a user. */
  readonly autoCreate: boolean
  /** Lets the issuer be plain http on another machine: whoever is in between can be anybody here. */
  readonly dangerouslyAllowPlainHttp: boolean
  readonly timeoutSeconds: number
}

const defaultScopes = ['openid', 'profile', 'email']

/** Throws INVALID_FIELDS with everything that is wrong. */
export function parseOidcSettings(input: unknown): OidcSettings {
  const read = new SettingsReader(input)
  const dangerouslyAllowPlainHttp = read.flag('dangerouslyAllowPlainHttp')
  const scopes = read.texts('scopes')
  const settings: OidcSettings = {
    issuer: read.text('issuer', {
      explain: (text) => explainIssuer(text, dangerouslyAllowPlainHttp),
    }),
    clientId: read.text('clientId'),
    scopes: scopes.length === 0 ? defaultScopes : [...new Set(['openid', ...scopes])],
    userNameClaim: read.text('userNameClaim', { default: 'preferred_username' }),
    displayNameClaim: read.text('displayNameClaim', { default: 'name' }),
    emailClaim: read.text('emailClaim', { default: 'email' }),
    groupsClaim: read.text('groupsClaim', { default: 'groups' }),
    allowedGroups: read.texts('allowedGroups'),
    autoCreate: read.flag('autoCreate', true),
    dangerouslyAllowPlainHttp,
    timeoutSeconds: read.number('timeoutSeconds', { min: 1, max: 30, default: 5 }),
  }
  if (scopes.some((scope) => !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))) {
    read.problem('scopes', 'A scope has no spaces and no quotation marks.')
  }
  read.finish()
  return settings
}

function explainIssuer(text: string, plainHttp: boolean): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return 'It must be an address: https://login.example.com/realms/corp.'
  }
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    return 'It must be an address without query, fragment and credentials.'
  }
  if (url.protocol === 'http:' && !plainHttp && !isLoopback(url.hostname)) {
    return 'It must be https; http only on this machine, or with dangerouslyAllowPlainHttp.'
  }
  return undefined
}

function isLoopback(hostname: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname)
}

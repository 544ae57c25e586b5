import * as oidc from 'openid-client'
import { RegistryError } from '../../domain/errors.ts'
import type { DirectoryUser } from './directory-user.ts'
import { userOfClaims } from './oidc-claims.ts'
import type { OidcSettings } from './oidc-settings.ts'

/** What the browser that begins a login must bring when it comes back. */
export interface OidcSecrets {
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}

export interface OidcLogin {
  readonly user: DirectoryUser
  /** With which the provider can be asked again; null if it gives none. */
  readonly refreshToken: string | null
}

/** An OpenID Connect provider. Throws UNAVAILABLE, saying why, where it cannot be asked. */
export interface OidcDirectory {
  /** Where to send the browser. */
  begin(redirectUri: string): Promise<OidcSecrets & { readonly address: string }>
  /** `callback`: the address that the browser came back to. Throws UNAUTHORIZED, saying why. */
  finish(callback: URL, secrets: OidcSecrets): Promise<OidcLogin>
  /** Asks about a user who is not there; undefined if the provider does not take the token. */
  refresh(refreshToken: string, subject: string): Promise<OidcLogin | undefined>
  /** Where the provider says that browsers are to be sent. */
  discover(): Promise<string>
}

export interface OidcDirectoryOptions {
  readonly settings: OidcSettings
  /** Null: a public client, which PKCE alone protects. */
  readonly clientSecret: string | null
}

/** Providers change their keys' address and endpoints hardly ever. */
const discoveryMs = 60 * 60 * 1000

export function openOidcDirectory(options: OidcDirectoryOptions): OidcDirectory {
  const { settings } = options
  const discover = rememberFor(discoveryMs, () => discoverProvider(options))
  return {
    discover: async () => (await discover()).serverMetadata().authorization_endpoint ?? '',
    async begin(redirectUri) {
      const configuration = await discover()
      const codeVerifier = oidc.randomPKCECodeVerifier()
      const state = oidc.randomState()
      const nonce = oidc.randomNonce()
      const address = oidc.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope: settings.scopes.join(' '),
        code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
        state,
        nonce,
        // OpenID Connect Core 11: offline access is given only with consent.
        ...(settings.scopes.includes('offline_access') && { prompt: 'consent' }),
      })
      return { address: address.href, state, nonce, codeVerifier }
    },
    async finish(callback, { state, nonce, codeVerifier }) {
      const configuration = await discover()
      const tokens = await oidc
        .authorizationCodeGrant(configuration, callback, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: codeVerifier,
          idTokenExpected: true,
        })
        .catch((error: unknown) => {
          throw translateExchange(error)
        })
      const idToken = tokens.claims()
      if (idToken === undefined) throw refused('there was no ID token')
      const claims = await completeClaims(configuration, settings, tokens.access_token, idToken)
      return { user: userOfClaims(claims, settings), refreshToken: tokens.refresh_token ?? null }
    },
    async refresh(refreshToken, subject) {
      const configuration = await discover()
      try {
        const tokens = await oidc.refreshTokenGrant(configuration, refreshToken)
        const known = tokens.claims() ?? { sub: subject }
        if (known.sub !== subject) return undefined
        const claims = await completeClaims(configuration, settings, tokens.access_token, known)
        const user = userOfClaims(claims, settings)
        return { user, refreshToken: tokens.refresh_token ?? refreshToken }
      } catch (error) {
        if (error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant') {
          return undefined
        }
        throw translate(error)
      }
    },
  }
}

async function discoverProvider({
  settings,
  clientSecret,
}: OidcDirectoryOptions): Promise<oidc.Configuration> {
  const { issuer, clientId, timeoutSeconds } = settings
  // The settings say where plain http is allowed.
  const plainHttp = issuer.startsWith('http:')
  const configuration = await translated(
    oidc.discovery(
      new URL(issuer),
      clientId,
      undefined,
      clientSecret === null ? oidc.None() : oidc.ClientSecretBasic(clientSecret),
      {
        timeout: timeoutSeconds,
        // Signatures are checked too, not only where the ID token came from.
        execute: [
          oidc.enableNonRepudiationChecks,
          ...(plainHttp ? [oidc.allowInsecureRequests] : []),
        ],
      },
    ),
  )
  if (configuration.serverMetadata().issuer !== issuer) {
    const { issuer: named } = configuration.serverMetadata()
    throw new RegistryError('UNAVAILABLE', `The provider at ${issuer} calls itself ${named}.`)
  }
  return configuration
}

type Claims = Readonly<Record<string, unknown>> & { readonly sub: string }

/** What the ID token leaves out, the provider tells at its address for it. */
async function completeClaims(
  configuration: oidc.Configuration,
  settings: OidcSettings,
  accessToken: string,
  claims: Claims,
): Promise<Claims> {
  const { userNameClaim, displayNameClaim, emailClaim, groupsClaim } = settings
  const wanted = [userNameClaim, displayNameClaim, emailClaim, groupsClaim]
  const isComplete = wanted.every((name) => claims[name] !== undefined)
  if (isComplete || configuration.serverMetadata().userinfo_endpoint === undefined) return claims
  const more = await translated(oidc.fetchUserInfo(configuration, accessToken, claims.sub))
  return { ...more, ...claims }
}

async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw translate(error)
  }
}

/** What the provider or its answer refuses is UNAUTHORIZED; a provider that does not answer, UNAVAILABLE. */
function translate(error: unknown): RegistryError {
  if (error instanceof RegistryError) return error
  if (error instanceof oidc.AuthorizationResponseError) {
    return refused(`the provider says ${readable(error.error_description ?? error.error)}`, error)
  }
  if (error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant') {
    return refused(
      'the provider does not take the code, which is good once and not for long',
      error,
    )
  }
  if (error instanceof oidc.ResponseBodyError) {
    const why = readable(error.error_description ?? error.error)
    return new RegistryError('UNAVAILABLE', `The provider refuses: ${why}.`, { cause: error })
  }
  const why = error instanceof Error ? readable(reasonOf(error)) : 'it failed'
  const { code } = error as { code?: unknown }
  return isAnswerInvalid(code)
    ? refused(why, error)
    : new RegistryError('UNAVAILABLE', `The provider cannot be asked: ${why}.`, { cause: error })
}

/**
 * Whoever comes back chooses the code: whatever the provider, or what stands before it, answers to
 * that is a matter of this login alone. Only no answer says something about the provider.
 */
function translateExchange(error: unknown): RegistryError {
  const translated = translate(error)
  const { code } = error as { code?: unknown }
  const isAnswered =
    typeof code === 'string' && code.startsWith('OAUTH_') && code !== 'OAUTH_TIMEOUT'
  return translated.code === 'UNAVAILABLE' && isAnswered
    ? new RegistryError('UNAUTHORIZED', translated.message, { cause: error })
    : translated
}

/** The client library's codes for an answer that is there, and not to be believed. */
function isAnswerInvalid(code: unknown): boolean {
  return (
    typeof code === 'string' &&
    /^OAUTH_(?:INVALID_RESPONSE|JWT_|KEY_SELECTION|PARSE|DUPLICATE|UNSUPPORTED)/.test(code)
  )
}

/** The library says that something was wrong; the cause, what. */
function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error ? `${message}: ${cause.message}` : message
}

function refused(why: string, cause?: unknown): RegistryError {
  return new RegistryError('UNAUTHORIZED', `The login was not completed: ${why}.`, { cause })
}

/** Comes from outside, and goes on a page. */
function readable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, ' ').slice(0, 200)
}

function rememberFor<T>(ms: number, load: () => Promise<T>): () => Promise<T> {
  let known: { readonly at: number; readonly value: Promise<T> } | undefined
  return () => {
    if (known !== undefined && performance.now() - known.at < ms) return known.value
    const entry = { at: performance.now(), value: load() }
    known = entry
    entry.value.catch(() => {
      if (known === entry) known = undefined
    })
    return entry.value
  }
}

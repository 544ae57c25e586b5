import { randomBytes, webcrypto } from 'node:crypto'
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { RegistryError } from '../domain/errors.ts'
import type { Principal } from '../domain/permission.ts'
import type { Access } from '../domain/scope.ts'
import { createBoundedCache } from './bounded-cache.ts'
import type { CredentialOwner } from './principals.ts'

/** What a token says: who asked for it and for what. What its owner may do is another matter. */
export interface TokenClaims {
  /** Null for Anonymous. */
  readonly owner: CredentialOwner | null
  readonly service: string
  readonly access: readonly Access[]
  /** Milliseconds since 1970; it is accepted for `leewaySeconds` more. */
  readonly expiresAt: number
}

export interface IssuedToken {
  readonly token: string
  readonly issuedAt: Date
  readonly expiresInSeconds: number
}

export interface Tokens {
  issue(request: TokenRequest): Promise<IssuedToken>
  /**
   * What a token says that this server (or one with the same secret key) issued for `service`;
   * null accepts any. Throws UNAUTHORIZED for every other text, and for one that has expired.
   */
  verify(token: string, service: string | null): TokenClaims | Promise<TokenClaims>
}

export interface TokenRequest {
  readonly principal: Principal
  readonly service: string
  readonly access: readonly Access[]
}

const issuer = 'entrepot'
const algorithm = 'HS256'
/** Docker and podman take less than 60 for 60, so it must never be less. */
const lifetimeSeconds = 300
/** A client that trusts `expires_in` may send it a little late, and clocks differ. */
const leewaySeconds = 30
const maxCachedTokens = 4096

export async function openTokens(options: {
  /** 32 bytes. */
  readonly key: Uint8Array
  /** Milliseconds since 1970. */
  readonly now: () => number
}): Promise<Tokens> {
  const { now } = options
  const hmac = { name: 'HMAC', hash: 'SHA-256' }
  const usages: webcrypto.KeyUsage[] = ['sign', 'verify']
  const key = await webcrypto.subtle.importKey('raw', options.key, hmac, false, usages)
  const cache = createBoundedCache<TokenClaims>(maxCachedTokens)

  const read = async (token: string): Promise<TokenClaims> => {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        issuer,
        typ: 'JWT',
        requiredClaims: ['sub', 'aud', 'iat', 'nbf', 'exp'],
        clockTolerance: leewaySeconds,
        currentDate: new Date(now()),
      })
      return parseClaims(payload)
    } catch (error) {
      throw error instanceof errors.JWTExpired ? expired(error) : invalid(error)
    }
  }

  const isExpired = ({ expiresAt }: TokenClaims) => expiresAt + leewaySeconds * 1000 <= now()

  const verifyAnew = async (token: string, service: string | null, known?: TokenClaims) => {
    const claims = known ?? (await read(token))
    if (isExpired(claims)) {
      cache.delete(token)
      throw expired()
    }
    cache.set(token, claims)
    if (service !== null && claims.service !== service) {
      throw new RegistryError(
        'UNAUTHORIZED',
        `The token was issued for "${claims.service}", but this is "${service}": ask for a new one.`,
      )
    }
    return claims
  }

  return {
    async issue({ principal, service, access }) {
      const issuedAt = Math.floor(now() / 1000)
      const token = await new SignJWT({ cv: principal.credentialVersion, access })
        .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(service)
        .setSubject(formatSubject(principal))
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt)
        .setExpirationTime(issuedAt + lifetimeSeconds)
        .setJti(randomBytes(12).toString('base64url'))
        .sign(key)
      return { token, issuedAt: new Date(issuedAt * 1000), expiresInSeconds: lifetimeSeconds }
    },
    verify(token, service) {
      const known = cache.get(token)
      const isGood = known && !isExpired(known) && (service === null || known.service === service)
      return isGood ? known : verifyAnew(token, service, known)
    },
  }
}

function formatSubject({ kind, id }: Principal): string {
  return kind === 'anonymous' ? kind : `${kind}:${id}`
}

function parseClaims({ sub = '', aud, exp, cv, access }: JWTPayload): TokenClaims {
  const [, kind, id] = /^(user|key):([0-9]{1,15})$/.exec(sub) ?? []
  const known = kind === 'user' || kind === 'key'
  const whole = typeof aud === 'string' && typeof exp === 'number' && Number.isInteger(cv)
  if ((!known && sub !== 'anonymous') || !whole || !Array.isArray(access)) {
    throw new TypeError('The claims are not those of this server.')
  }
  return {
    owner: known ? { kind, id: Number(id), credentialVersion: Number(cv) } : null,
    service: aud,
    access: access.map(parseAccess),
    expiresAt: exp * 1000,
  }
}

function parseAccess(entry: unknown): Access {
  if (isAccess(entry)) return Object.freeze(entry)
  throw new TypeError('The access list is not one of this server.')
}

function isAccess(entry: unknown): entry is Access {
  if (typeof entry !== 'object' || entry === null) return false
  const { type, name, actions } = entry as Readonly<Record<string, unknown>>
  return (
    (type === 'repository' || type === 'registry') &&
    typeof name === 'string' &&
    Array.isArray(actions) &&
    actions.every((action) => typeof action === 'string')
  )
}

function expired(cause?: unknown): RegistryError {
  return new RegistryError('UNAUTHORIZED', 'The token has expired: ask for a new one.', { cause })
}

function invalid(cause: unknown): RegistryError {
  return new RegistryError('UNAUTHORIZED', 'The token is not valid: ask for a new one.', { cause })
}

import type { Db } from '../db/database.ts'
import { deleteRefreshToken, findRefreshToken, insertRefreshToken } from '../db/refresh-tokens.ts'
import type { Principal } from '../domain/permission.ts'
import { generateOpaqueSecret, hashOpaqueSecret } from './opaque-secret.ts'
import type { CredentialOwner } from './principals.ts'

/**
 * A new identity token, which `docker login` keeps in place of the password; null for Anonymous,
 * who has no identity. It is never rotated: docs/decisions/0003-refresh-tokens.md.
 */
export async function issueRefreshToken(
  { db }: { readonly db: Db },
  principal: Principal,
  clientId: string,
): Promise<string | null> {
  const { kind, id, credentialVersion } = principal
  if (kind === 'anonymous') return null
  const token = generateOpaqueSecret('entr_')
  await db.write(insertRefreshToken, {
    kind,
    id,
    credentialVersion,
    secretHash: hashOpaqueSecret('entr_', token) ?? '',
    // What a client calls itself is for people to read.
    clientId: clientId.replace(/[^\x20-\x7e]/g, '').slice(0, 100),
  })
  return token
}

/** Whom the token was issued for; undefined if it is unknown or revoked. */
export async function findRefreshTokenOwner(
  { db }: { readonly db: Db },
  token: string,
): Promise<CredentialOwner | undefined> {
  const secretHash = hashOpaqueSecret('entr_', token)
  return secretHash === undefined ? undefined : await findRefreshToken(db.read, secretHash)
}

/** Whether there was such a token. */
export async function revokeRefreshToken(
  { db }: { readonly db: Db },
  token: string,
): Promise<boolean> {
  const secretHash = hashOpaqueSecret('entr_', token)
  return secretHash !== undefined && (await db.write(deleteRefreshToken, { secretHash }))
}

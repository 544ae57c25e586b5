import { RegistryError } from '../domain/errors.ts'
import type { Queries } from './database.ts'
import { type Params, prepared } from './prepared.ts'
import { nowMs } from './sql.ts'

/** Whose token it is: good while that principal still has this credential version. */
export interface RefreshTokenOwner {
  readonly kind: 'user' | 'key'
  readonly id: number
  readonly credentialVersion: number
}

/** A principal that logs in more often than this pushes out its oldest logins. */
const maxTokensPerPrincipal = 10_000

const bySecretHash = prepared((db: Queries, p: Params<{ secretHash: string }>) =>
  db
    .selectFrom('refresh_tokens')
    .select(['principal_kind', 'principal_id', 'credential_version'])
    .where('secret_hash', '=', p.secretHash),
)

export async function findRefreshToken(
  db: Queries,
  secretHash: string,
): Promise<RefreshTokenOwner | undefined> {
  const row = await bySecretHash.find(db, { secretHash })
  return (
    row && {
      kind: row.principal_kind,
      id: row.principal_id,
      credentialVersion: row.credential_version,
    }
  )
}

/**
 * Stores a token by its SHA-256 (hexadecimal), and drops those of its owner that are void. Throws
 * UNAUTHORIZED when the user is gone, or has other credentials by now.
 */
export async function insertRefreshToken(
  trx: Queries,
  input: RefreshTokenOwner & { readonly secretHash: string; readonly clientId: string },
): Promise<void> {
  if (input.kind === 'user') await checkUser(trx, input)
  await trx
    .insertInto('refresh_tokens')
    .values({
      secret_hash: input.secretHash,
      principal_kind: input.kind,
      principal_id: input.id,
      credential_version: input.credentialVersion,
      client_id: input.clientId,
      created_at: nowMs,
    })
    .execute()
  await deleteSurplus(trx, input)
}

/** Whether there was such a token. */
export async function deleteRefreshToken(
  trx: Queries,
  input: { readonly secretHash: string },
): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom('refresh_tokens')
    .where('secret_hash', '=', input.secretHash)
    .executeTakeFirst()
  return numDeletedRows > 0n
}

/** Held, so that deleting the user finds the token. */
async function checkUser(trx: Queries, owner: RefreshTokenOwner): Promise<void> {
  const user = await trx
    .selectFrom('users')
    .select('credential_version')
    .where('id', '=', owner.id)
    .forKeyShare()
    .executeTakeFirst()
  if (user?.credential_version === owner.credentialVersion) return
  throw new RegistryError('UNAUTHORIZED', 'The login is no longer valid: log in again.')
}

async function deleteSurplus(trx: Queries, owner: RefreshTokenOwner): Promise<void> {
  const kept = await trx
    .selectFrom('refresh_tokens')
    .select('id')
    .where('principal_kind', '=', owner.kind)
    .where('principal_id', '=', owner.id)
    .orderBy('id', 'desc')
    .offset(maxTokensPerPrincipal)
    .limit(1)
    .executeTakeFirst()
  await trx
    .deleteFrom('refresh_tokens')
    .where('principal_kind', '=', owner.kind)
    .where('principal_id', '=', owner.id)
    .where((eb) =>
      eb.or([
        // Of a key that is changed for a new one, the version before may be good too.
        eb('credential_version', '<', owner.credentialVersion - (owner.kind === 'key' ? 1 : 0)),
        eb('id', '<=', kept?.id ?? 0),
      ]),
    )
    .execute()
}

import type { Queries } from './database.ts'
import { insertEvent } from './events.ts'
import { nowMs } from './sql.ts'

/** One login for the audit, or failures of one account at one address together. */
export type LoginRecord =
  | {
      readonly kind: 'login.succeeded'
      readonly principal: {
        readonly kind: 'user' | 'key'
        readonly id: number
        readonly name: string
      }
      readonly address: string
    }
  | {
      readonly kind: 'login.failed'
      /** Null: there is no such user. */
      readonly user: string | null
      readonly address: string
      /** With wrong credentials, and while it had to wait. */
      readonly failed: number
      readonly refused: number
    }

/** Writes logins into the audit, and of users when the last one was. */
export async function recordLogins(
  trx: Queries,
  input: { readonly records: readonly LoginRecord[] },
): Promise<void> {
  for (const record of input.records) {
    const { kind, address } = record
    if (kind === 'login.failed') {
      const { user, failed, refused } = record
      await insertEvent(trx, { kind, by: 'Anonymous', address, detail: { user, failed, refused } })
    } else {
      const { name: by, kind: principal } = record.principal
      await insertEvent(trx, { kind, by, address, detail: { principal } })
    }
  }
  const users = input.records.flatMap((record) =>
    record.kind === 'login.succeeded' && record.principal.kind === 'user'
      ? [record.principal.id]
      : [],
  )
  if (users.length === 0) return
  await trx
    .updateTable('users')
    .set({ last_login_at: nowMs })
    .where(
      'id',
      'in',
      [...new Set(users)].sort((a, b) => a - b),
    )
    .execute()
}

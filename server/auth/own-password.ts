import { findUser } from '../db/users.ts'
import { isRefusal, refuseField } from '../domain/errors.ts'
import type { Principal } from '../domain/permission.ts'
import type { Authenticator } from './authenticate.ts'
import { setOwnPassword, type UserDeps } from './users.ts'

/**
 * A user's own new password, who has to show the old one. That is an attempt to log in like any
 * other, so that a stolen session is no place to guess: throws TOOMANYREQUESTS for who has to wait.
 * Throws INVALID_FIELDS for a wrong password, for a new one that breaks the rules, and for a
 * directory's user.
 */
export async function changeOwnPassword(
  deps: UserDeps & { readonly authenticator: Pick<Authenticator, 'logIn'> },
  input: {
    readonly principal: Principal
    readonly password: string
    readonly newPassword: string
  },
): Promise<void> {
  const { db, by, authenticator } = deps
  const account = await findUser(db.read, input.principal.id)
  if (account === undefined) refuse()
  const { name, directoryId } = account
  if (directoryId !== null) {
    refuseField('password', `${name} comes from a directory, which has the password.`)
  }
  const origin = by.address === null ? {} : { address: by.address }
  const shown = await authenticator
    .logIn(name, input.password, { ...origin, isLasting: true })
    .catch((error: unknown) => {
      if (isRefusal(error, 'UNAUTHORIZED')) refuse()
      throw error
    })
  if (shown.id !== account.id) refuse()
  // Both take a while: whoever has the name by then, or another password, is not changed.
  await setOwnPassword(deps, { ...shown, key: account.key }, input.newPassword).catch(
    (error: unknown) => {
      if (isRefusal(error, 'NOT_FOUND')) refuse()
      throw error
    },
  )
}

function refuse(): never {
  refuseField('password', 'The password is wrong.')
}

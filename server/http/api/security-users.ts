import type {
  securityUsers as routes,
  UserInfo as Shown,
} from '../../../contract/security-users.ts'
import { changeOwnPassword } from '../../auth/own-password.ts'
import { addUser, deleteUser, listUsers, type UserInfo, updateUser } from '../../auth/users.ts'
import type { Call, Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { pageOf, sendPage } from './pages.ts'
import { definedOf } from './sent.ts'
import { formatNoSessionCookie } from './session-cookie.ts'

export function securityUserHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { authenticator, db, dataDir, passwords } = deps
  const users = ({ by, admitAgain: permit }: Call) => ({ db, dataDir, passwords, by, permit })
  return {
    add: async ({ body }, call) => show(await addUser(users(call), definedOf(body))),
    async update({ body }, call) {
      const { name, ...changes } = body
      return show(await updateUser(users(call), name, definedOf(changes)))
    },
    async changePassword({ body }, call) {
      const { principal } = call
      await changeOwnPassword({ ...users(call), authenticator }, { principal, ...body })
      if (call.session !== null) {
        call.setHeader('set-cookie', formatNoSessionCookie(call.caller.baseUrl))
      }
      return {}
    },
    async delete({ query }, { by }) {
      await deleteUser({ db, by }, query.user)
      return {}
    },
    async list({ query }, call) {
      const search = query['search-term']
      const page = { ...pageOf(query), ...(search !== undefined && { search }) }
      const { items, next } = await listUsers({ db }, page)
      return sendPage(call, { items: items.map(show), next })
    },
  }
}

function show(user: UserInfo): Shown {
  const { name, displayName, email, groups, active, directory, lastLogin, created } = user
  return {
    ...{ name, displayName, email, active, directory },
    groups: [...groups],
    lastLogin: lastLogin?.toISOString() ?? null,
    created: created.toISOString(),
  }
}

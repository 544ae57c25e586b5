import type { securityPermissions as routes } from '../../../contract/security-permissions.ts'
import { addPermission, deletePermission, listPermissions } from '../../auth/permissions.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { pageOf, sendPage } from './pages.ts'

export function securityPermissionHandlers({ db }: ApiDeps): Handlers<typeof routes> {
  return {
    add: ({ body }, { by }) => addPermission({ db, by }, body),
    async delete({ query }, { by }) {
      await deletePermission({ db, by }, query.permissionId)
      return {}
    },
    list: async ({ query }, call) => sendPage(call, await listPermissions({ db }, pageOf(query))),
  }
}

import type { securityGroups as routes } from '../../../contract/security-groups.ts'
import {
  addGroup,
  deleteGroup,
  type GroupInfo,
  listGroups,
  updateGroup,
} from '../../auth/groups.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { pageOf, sendPage } from './pages.ts'
import { definedOf } from './sent.ts'

export function securityGroupHandlers({ db }: ApiDeps): Handlers<typeof routes> {
  return {
    add: async ({ body }, { by }) => show(await addGroup({ db, by }, definedOf(body))),
    async update({ body }, { by }) {
      const { name, ...changes } = body
      return show(await updateGroup({ db, by }, name, definedOf(changes)))
    },
    async delete({ query }, { by }) {
      await deleteGroup({ db, by }, query.group)
      return {}
    },
    async list({ query }, call) {
      const { items, next } = await listGroups({ db }, pageOf(query))
      return sendPage(call, { items: items.map(show), next })
    },
  }
}

function show({ name, description, users }: GroupInfo) {
  return { name, description, users: [...users] }
}

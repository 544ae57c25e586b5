import type { securityTasks as routes } from '../../../contract/security-tasks.ts'
import { addTask, deleteTask, listTasks, type TaskInfo, updateTask } from '../../auth/tasks.ts'
import { feedAttributes, serverAttributes } from '../../domain/attribute.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { pageOf, pageOfAll, sendPage } from './pages.ts'
import { definedOf } from './sent.ts'

export function securityTaskHandlers({ db }: ApiDeps): Handlers<typeof routes> {
  return {
    add: async ({ body }, { by }) => show(await addTask({ db, by }, definedOf(body))),
    async update({ body }, { by }) {
      const { name, ...changes } = body
      return show(await updateTask({ db, by }, name, definedOf(changes)))
    },
    async delete({ query }, { by }) {
      await deleteTask({ db, by }, query.task)
      return {}
    },
    list: async ({ query }, call) =>
      sendPage(call, pageOfAll((await listTasks({ db })).map(show), pageOf(query))),
    attributes: async () => [
      ...feedAttributes.map((name) => ({ name, scope: 'feed' as const })),
      ...serverAttributes.map((name) => ({ name, scope: 'server' as const })),
    ],
  }
}

function show({ name, description, attributes, builtIn }: TaskInfo) {
  return { name, description, attributes: [...attributes], builtIn }
}

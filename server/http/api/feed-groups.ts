import type { feedGroups as routes } from '../../../contract/feed-groups.ts'
import {
  addFeedGroup,
  deleteFeedGroup,
  type FeedGroupInfo,
  listFeedGroups,
  updateFeedGroup,
} from '../../auth/feed-groups.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { pageOf, pageOfAll, sendPage } from './pages.ts'

export function feedGroupHandlers({ db }: ApiDeps): Handlers<typeof routes> {
  return {
    create: async ({ body }, { by }) =>
      show(
        await addFeedGroup(
          { db, by },
          { name: body.name, ...(body.feeds && { feeds: body.feeds }) },
        ),
      ),
    list: async ({ query }, call) =>
      sendPage(call, pageOfAll((await listFeedGroups({ db })).map(show), pageOf(query))),
    update: async ({ query, body }, { by }) =>
      show(
        await updateFeedGroup({ db, by }, query.group, {
          ...(body.name !== undefined && { name: body.name }),
          ...(body.feeds && { feeds: body.feeds }),
        }),
      ),
    async delete({ query }, { by }) {
      await deleteFeedGroup({ db, by }, query.group)
      return {}
    },
  }
}

function show({ name, feeds }: FeedGroupInfo) {
  return { name, feeds: [...feeds] }
}

import type {
  RetentionRuleInfo,
  retention as routes,
  RetentionItem as ShownItem,
} from '../../../contract/retention.ts'
import type { RetentionRule } from '../../domain/retention-rule.ts'
import { getFeed } from '../../registry/feeds.ts'
import { previewRetention, type RetentionItem } from '../../registry/retention.ts'
import {
  changeRule,
  checkRule,
  createRule,
  type FeedRule,
  getRule,
  listRules,
  removeRule,
  reorderRules,
} from '../../registry/retention-rules.ts'
import type { Call, Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { pageOf, sendPage } from './pages.ts'

interface PageQuery {
  readonly feed: string
  readonly after?: string | undefined
  readonly count?: number | undefined
}

/** The number of a rule that is not saved. */
const unsaved = 0

export function retentionHandlers({ db }: ApiDeps): Handlers<typeof routes> {
  const idOf = async (feed: string) => (await getFeed(db, feed)).id
  const preview = async (query: PageQuery, rules: readonly RetentionRule[], call: Call) => {
    const { after = '', count } = pageOf(query)
    const feedId = await idOf(query.feed)
    const page = await previewRetention({ db }, { feedId, rules }, { after, count })
    return sendPage(call, { ...page, items: page.items.map(showItem) })
  }
  return {
    list: async ({ query }) => (await listRules({ db }, await idOf(query.feed))).map(show),
    create: async ({ query, body }, { by }) =>
      show(await createRule({ db, by }, await idOf(query.feed), body)),
    update: async ({ query, body }, { by }) =>
      show(await changeRule({ db, by }, await idOf(query.feed), { ...body, id: query.id })),
    order: async ({ query, body }, { by }) =>
      (await reorderRules({ db, by }, await idOf(query.feed), body.rules)).map(show),
    async delete({ query }, { by }) {
      await removeRule({ db, by }, await idOf(query.feed), query.id)
      return {}
    },
    async preview({ query }, call) {
      const feedId = await idOf(query.feed)
      const rules =
        query.rule === undefined
          ? (await listRules({ db }, feedId)).filter(({ enabled }) => enabled)
          : [await getRule({ db }, feedId, query.rule)]
      return await preview(query, rules, call)
    },
    try: async ({ query, body }, call) =>
      await preview(query, [{ ...checkRule(body), id: unsaved }], call),
  }
}

function show(rule: FeedRule): RetentionRuleInfo {
  return {
    ...rule,
    repositories: [...rule.repositories],
    keepRepositories: [...rule.keepRepositories],
    tags: [...rule.tags],
    keepTags: [...rule.keepTags],
  }
}

function showItem(item: RetentionItem): ShownItem {
  const { repository, tag, digest, rule, reason, outcome, of } = item
  const shown = outcome === 'follows' || outcome === 'stays' ? outcome : 'goes'
  return {
    ...{ outcome: shown, repository, tag, digest, reason, of },
    rule: rule === unsaved ? null : rule,
  }
}

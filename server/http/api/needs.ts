import type { Api, Resource } from '../../../contract/api.ts'
import { findApiKey } from '../../db/api-keys.ts'
import { userKey } from '../../domain/user-name.ts'
import type { Need } from './need.ts'
import { asksAboutItself } from './privileges.ts'
import { fieldsOf } from './sent.ts'

type Needs = { readonly [Name in Resource]: { readonly [Route in keyof Api[Name]]: Need } }

const open: Need = { kind: 'open' }
const anyone: Need = { kind: 'anyone' }
const known: Need = { kind: 'known' }
const user: Need = { kind: 'user' }
const administrator: Need = { kind: 'server', attribute: 'Admin_ConfigureProGet' }
const manager = (field: 'params' | 'query' | 'body', name: string): Need => ({
  kind: 'feed',
  attribute: 'Admin_ManageFeed',
  feed: { in: field, name },
})

const inRepository = (
  where: 'query' | 'body',
  ...more: Extract<Need, { kind: 'repository' }>['attributes']
): Need => ({ kind: 'repository', attributes: ['Feeds_ViewFeed', ...more], in: where })
const reader = inRepository('query', 'Feeds_DownloadPackage')
const viewer = inRepository('query')
const remover = inRepository('query', 'Feeds_DeletePackage')
const partOfFeed: Need = { kind: 'partOfFeed', feed: { in: 'query', name: 'feed' } }

const ownKey: Need = {
  kind: 'depends',
  on: 'an administrator; of a personal key also its user, by password or session',
  async find({ db }, sent, { principal }) {
    const id = Number(sent.query.id)
    const key = Number.isSafeInteger(id) && id > 0 ? await findApiKey(db.read, id) : undefined
    const own = key?.type === 'personal' && principal.kind === 'user' && key.userId === principal.id
    return own ? user : administrator
  },
}

/** Jobs of one registry are its managers' affair; without one they are the server's. */
const ofFeed: Need = {
  kind: 'depends',
  on: 'of one registry Admin_ManageFeed there; else an administrator',
  find: (_deps, sent) => (sent.query.feed === undefined ? administrator : manager('query', 'feed')),
}

/** What every route of the management API needs. The test walks the contract through it. */
export const needs: Needs = {
  apiKeys: {
    create: {
      kind: 'depends',
      on: 'for a personal key of its own any user, by password or session; else an administrator',
      find(_deps, sent, { principal }) {
        const { type, user: owner } = fieldsOf(sent.body)
        const isOwn = typeof owner === 'string' && userKey(owner) === userKey(principal.name)
        return type === 'personal' && (owner == null || isOwn) ? user : administrator
      },
    },
    list: known,
    update: ownKey,
    rotate: ownKey,
    delete: ownKey,
    requests: ownKey,
  },
  audit: { list: ofFeed },
  connectors: {
    list: administrator,
    get: administrator,
    create: administrator,
    update: administrator,
    delete: administrator,
    test: administrator,
  },
  deletions: {
    preview: inRepository('body', 'Feeds_DownloadPackage', 'Feeds_DeletePackage'),
    run: inRepository('body', 'Feeds_DeletePackage'),
  },
  directories: {
    list: administrator,
    add: administrator,
    update: administrator,
    order: administrator,
    delete: administrator,
    test: administrator,
    providers: anyone,
  },
  feedGroups: {
    create: administrator,
    list: { kind: 'server', attribute: 'Admin_ConfigureProGet' },
    update: administrator,
    delete: administrator,
  },
  feeds: {
    create: {
      kind: 'newFeed',
      attribute: 'Admin_ManageFeed',
      feedGroup: { in: 'body', name: 'feedGroup' },
    },
    get: {
      kind: 'feed',
      attribute: 'Feeds_ViewFeed',
      feed: { in: 'params', name: 'name' },
    },
    list: anyone,
    update: manager('params', 'name'),
    delete: {
      kind: 'feed',
      attribute: 'Admin_ManageFeed',
      feed: { in: 'params', name: 'name' },
      mayBeAbsent: true,
    },
  },
  health: { list: administrator, check: administrator, selfTest: administrator },
  images: {
    get: reader,
    untagged: reader,
    referrers: reader,
    history: reader,
    compare: reader,
    delete: remover,
  },
  imageFiles: {
    list: reader,
    get: reader,
    download: reader,
    compare: {
      kind: 'depends',
      on: 'Feeds_ViewFeed, Feeds_DownloadPackage in both repositories',
      // The other one is looked at by the handler, in the same way.
      find: () => reader,
    },
  },
  jobs: {
    list: ofFeed,
    run: ofFeed,
    runs: ofFeed,
    log: ofFeed,
    cancel: ofFeed,
    update: ofFeed,
  },
  privileges: {
    list: {
      kind: 'depends',
      on: 'about the caller itself anyone; about others an administrator',
      find: (_deps, { query }, { principal }) =>
        asksAboutItself(principal, query) ? anyone : administrator,
    },
  },
  registries: { list: anyone, get: partOfFeed },
  repositories: {
    list: partOfFeed,
    get: viewer,
    update: manager('query', 'feed'),
    previewDelete: remover,
    delete: remover,
  },
  search: { find: anyone },
  retention: {
    list: manager('query', 'feed'),
    create: manager('query', 'feed'),
    update: manager('query', 'feed'),
    order: manager('query', 'feed'),
    delete: manager('query', 'feed'),
    preview: manager('query', 'feed'),
    try: manager('query', 'feed'),
  },
  securityGroups: {
    add: administrator,
    update: administrator,
    delete: administrator,
    list: administrator,
  },
  securityPermissions: { add: administrator, delete: administrator, list: administrator },
  securityTasks: {
    add: administrator,
    update: administrator,
    delete: administrator,
    list: administrator,
    attributes: administrator,
  },
  securityTransfer: { export: administrator, import: administrator },
  securityUsers: {
    add: administrator,
    update: administrator,
    changePassword: user,
    delete: administrator,
    list: administrator,
  },
  sessions: {
    whoami: anyone,
    login: open,
    logout: open,
    logoutEverywhere: user,
    list: user,
    delete: user,
  },
  settings: { list: administrator, set: administrator },
  storage: {
    get: administrator,
    stores: administrator,
    set: administrator,
    test: administrator,
  },
  tags: {
    list: reader,
    history: reader,
    create: {
      kind: 'depends',
      on: 'Feeds_ViewFeed, Feeds_AddPackage in the repository; with `force` also Feeds_OverwritePackage',
      find: (_deps, { query }) =>
        /^true$/i.test(String(query.force))
          ? inRepository('query', 'Feeds_AddPackage', 'Feeds_OverwritePackage')
          : inRepository('query', 'Feeds_AddPackage'),
    },
    refresh: inRepository('query', 'Feeds_AddPackage'),
    delete: remover,
  },
  sizes: {
    server: administrator,
    feeds: administrator,
    feed: manager('query', 'feed'),
    repositories: manager('query', 'feed'),
    tags: manager('query', 'feed'),
    images: manager('query', 'feed'),
    // Whether another registry holds the same blob can be told from it.
    freed: administrator,
  },
}

/** In words, for the OpenAPI document. */
export function describeNeed(need: Need): string {
  switch (need.kind) {
    case 'open':
      return 'nothing'
    case 'anyone':
      return 'nothing; the answer is what the caller may see'
    case 'known':
      return 'any login or API key'
    case 'user':
      return 'a user, by password or session'
    case 'server':
      return need.attribute
    case 'feed':
      return `${need.attribute} in the registry`
    case 'partOfFeed':
      return 'Feeds_ViewFeed in the registry or some of its repositories'
    case 'repository':
      return `${need.attributes.join(', ')} in the repository`
    case 'newFeed':
      return `${need.attribute} everywhere, or in the feed group that is named`
    case 'depends':
      return need.on
  }
}

import type { FeedAttribute } from './attribute.ts'
import { parseRepositoryPath, type RepositoryPath } from './reference.ts'

/** What a client asks for in a token's scope; `*` (skopeo's delete) is all of them. */
export type Action = 'pull' | 'push' | 'delete' | '*'

/** One entry of a token's access list, as clients read it. */
export interface Access {
  readonly type: 'repository' | 'registry'
  /** `<feed>/<repository>` as the client wrote it; `catalog` for the type `registry`. */
  readonly name: string
  readonly actions: readonly Action[]
}

/** A parsed scope: the access that is asked for and, unless it is the catalog, where. */
export interface Scope extends Access {
  /** Null for `registry:catalog:*`. */
  readonly path: RepositoryPath | null
}

/** Pushing asks for pull too, as Distribution's challenge does. */
const scopeActions: Record<Action, string> = {
  pull: 'pull',
  push: 'pull,push',
  delete: 'delete',
  '*': '*',
}

export const catalogScope = 'registry:catalog:*'

/** The scope of a token for an action in `<feed>/<repository>`. */
export function repositoryScope(name: string, action: Action): string {
  return `repository:${name}:${scopeActions[action]}`
}

/** What an action needs; viewing goes without saying, for nobody acts on what it cannot see. */
const attributes = {
  pull: ['Feeds_ViewFeed', 'Feeds_DownloadPackage'],
  push: ['Feeds_ViewFeed', 'Feeds_AddPackage'],
  delete: ['Feeds_ViewFeed', 'Feeds_DeletePackage'],
  '*': ['Feeds_ViewFeed', 'Feeds_DownloadPackage', 'Feeds_AddPackage', 'Feeds_DeletePackage'],
} as const satisfies Record<Action, readonly FeedAttribute[]>

/** A token travels in a header that is 16 KiB at most: what is asked for beyond this is dropped. */
const maxScopes = 32
const maxTextLength = 4096

/** Every attribute that the action needs in the feed. */
export function attributesOf(action: Action): readonly FeedAttribute[] {
  return attributes[action]
}

/** `*` spelled out. */
export function plainActions(actions: readonly Action[]): readonly Exclude<Action, '*'>[] {
  const plain = ['pull', 'push', 'delete'] as const
  return plain.filter((action) => actions.includes(action) || actions.includes('*'))
}

/**
 * The scopes of a token request, given as repeated values, each perhaps several with spaces between
 * (Distribution's token specification and its OAuth2 variant):
 * `repository:main/app:pull,push`, `repository(plugin):main/app:pull`, `registry:catalog:*`.
 * Scopes of the same name become one, in the order of their first mention. What is malformed or
 * unknown is left out, for the token is then one without it.
 */
export function parseScopes(values: readonly string[]): readonly Scope[] {
  const scopes = new Map<string, Scope>()
  let textLength = 0
  for (const text of values.flatMap((value) => value.split(' '))) {
    textLength += text.length
    if (textLength > maxTextLength) break
    const scope = parseScope(text)
    if (scope === undefined) continue
    const id = `${scope.type}:${scope.name}`
    const known = scopes.get(id)
    if (known === undefined && scopes.size === maxScopes) break
    const actions = new Set([...(known?.actions ?? []), ...scope.actions])
    scopes.set(id, { ...scope, actions: [...actions] })
  }
  return [...scopes.values()]
}

/**
 * Whether an access list covers the action on a repository, named `<feed>/<repository>`. The feed
 * is matched without regard to case; a token that allows `push` does not allow `pull`.
 */
export function covers(access: readonly Access[], name: string, action: Action): boolean {
  return access.some(
    (entry) =>
      entry.type === 'repository' &&
      (entry.name === name || entry.name.toLowerCase() === name.toLowerCase()) &&
      (entry.actions.includes(action) || entry.actions.includes('*')),
  )
}

function parseScope(text: string): Scope | undefined {
  const [type = '', name = '', list = '', ...rest] = text.split(':')
  if (rest.length > 0) return undefined
  const actions = list.split(',').filter(isAction)
  if (actions.length === 0) return undefined
  if (type === 'registry') {
    return name === 'catalog' && actions.includes('*')
      ? { type, name, actions: ['*'], path: null }
      : undefined
  }
  if (!/^repository(?:\([a-z0-9]+\))?$/.test(type)) return undefined
  const path = repositoryPath(name)
  return path && { type: 'repository', name, actions, path }
}

function repositoryPath(name: string): RepositoryPath | undefined {
  try {
    return parseRepositoryPath(name)
  } catch {
    return undefined
  }
}

function isAction(text: string): text is Action {
  return Object.hasOwn(attributes, text)
}

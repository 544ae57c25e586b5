import { isDeepStrictEqual } from 'node:util'
import { type Caller, may, sees } from './rules.ts'
import { feeds, nameOf, type Repository, repositories, world } from './world.ts'

/** What is wrong with the reply; undefined: nothing. */
type Check = (reply: unknown, caller: Caller) => string | undefined

function differs(found: unknown, expected: unknown): string | undefined {
  if (isDeepStrictEqual(found, expected)) return undefined
  return `${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`
}

/** Repositories that are there and that the caller may view; with `pull`, may pull from. */
function visible(caller: Caller, pull = false): readonly Repository[] {
  const attributes = [
    'Feeds_ViewFeed',
    ...(pull ? (['Feeds_DownloadPackage'] as const) : []),
  ] as const
  return repositories.filter(
    ({ kind, feed, repository }) =>
      kind === 'there' &&
      attributes.every((each) => may(world, caller, each, { feed, repository })),
  )
}

export function checkRepositories(feed: string): Check {
  return (reply, caller) => {
    const found = (reply as readonly { name: string }[]).map(({ name }) => name)
    // What others push meanwhile comes and goes.
    const known = found.filter((name) => repositories.some((each) => each.repository === name))
    const expected = visible(caller).filter((each) => each.feed === feed)
    const unseen = found.filter(
      (repository) => !may(world, caller, 'Feeds_ViewFeed', { feed, repository }),
    )
    return (
      differs(unseen, []) ??
      differs(known.toSorted(), expected.map(({ repository }) => repository).toSorted())
    )
  }
}

/** Each registry of which something may be seen, and no more repositories than may be. */
export const checkOverviews: Check = (reply, caller) => {
  const found = reply as readonly { name: string; repositories: number; partly: boolean }[]
  const names = feeds.filter((feed) => sees(world, caller, feed))
  const wrong = differs(
    found.map(({ name }) => name),
    names,
  )
  if (wrong !== undefined) return wrong
  const blind = found.filter(({ name, repositories: count }) => {
    const own = visible(caller).filter(({ feed }) => feed === name)
    return count < own.length || (own.length === 0 && count > 0 && !seesOthers(caller, name))
  })
  return differs(blind, [])
}

/** Whether a repository that a test makes by the way may be viewed. */
function seesOthers(caller: Caller, feed: string): boolean {
  return may(world, caller, 'Feeds_ViewFeed', { feed, repository: 'elsewhere' })
}

interface Found {
  readonly repositories: readonly { feed: string; repository: string }[]
  readonly tags: readonly { feed: string; repository: string }[]
  readonly images: readonly { feed: string; repository: string }[]
}

/** Nothing of what the caller may not view, nor tags of what it may not pull. */
export function checkFound(q: string): Check {
  return (reply, caller) => {
    const found = reply as Found
    const allowed =
      (attribute: 'Feeds_ViewFeed' | 'Feeds_DownloadPackage') =>
      (place: { feed: string; repository: string }) =>
        may(world, caller, attribute, place)
    const view = allowed('Feeds_ViewFeed')
    const pull = allowed('Feeds_DownloadPackage')
    const hidden = [
      ...found.repositories.filter((each) => !view(each)),
      ...[...found.tags, ...found.images].filter((each) => !view(each) || !pull(each)),
    ]
    if (hidden.length > 0 || q !== 'v1') return differs(hidden, [])
    const tagged = found.tags.map(({ feed, repository }) => `${feed}/${repository}`)
    return differs(
      visible(caller, true).filter((each) => !tagged.includes(nameOf(each))),
      [],
    )
  }
}

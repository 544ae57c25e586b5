import { parseDigest } from '../../domain/digest.ts'
import { isRefusal, parseField, refuseField } from '../../domain/errors.ts'
import { may, type Principal } from '../../domain/permission.ts'
import { parseRepositoryName } from '../../domain/reference.ts'
import { attributesOf } from '../../domain/scope.ts'
import { findFeed, getFeed, subjectOf } from '../../registry/feeds.ts'
import type { FilesRequest } from '../../registry/files/image-files.ts'
import type { Call } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { canSeeRepository, demandAt, loginNeeded, unknownRepository } from './need.ts'

interface ImageQuery {
  readonly feed: string
  readonly repo: string
  readonly digest: string
}

/** What is asked for; whether the caller may was looked at before. */
export async function filesRequest(
  { db }: ApiDeps,
  { feed, repo, digest }: ImageQuery,
  { principal }: Call,
): Promise<FilesRequest> {
  return {
    target: {
      feed: await getFeed(db, feed),
      repository: parseField('repo', () => parseRepositoryName(repo)),
      digest: digestOf('digest', digest),
    },
    caller: `${principal.kind} ${principal.id}`,
  }
}

interface CompareQuery extends ImageQuery {
  readonly otherFeed?: string | undefined
  readonly otherRepo?: string | undefined
  readonly otherDigest: string
}

/** As `filesRequest`, of two images; the caller's rights to the other one are looked at here. */
export async function compareRequest(deps: ApiDeps, query: CompareQuery, call: Call) {
  const { feed, repo, otherFeed = feed, otherRepo = repo, otherDigest: digest } = query
  await admitToOther(deps, { feed: otherFeed, repo: otherRepo }, call.principal)
  digestOf('otherDigest', digest)
  return {
    before: await filesRequest(deps, query, call),
    after: await filesRequest(deps, { feed: otherFeed, repo: otherRepo, digest }, call),
  }
}

/** The refusals are those of `admit`, word for word. */
async function admitToOther(
  { db }: ApiDeps,
  { feed: name, repo }: Pick<ImageQuery, 'feed' | 'repo'>,
  principal: Principal,
): Promise<void> {
  const feed = await findFeed(db, name)
  const subject = feed && subjectOf(feed, repo)
  const attributes = attributesOf('pull')
  const isVisible = feed !== undefined && canSeeRepository(principal, feed, repo)
  const has = subject && attributes.every((attribute) => may(principal, attribute, subject))
  if (isVisible && has) return
  if (principal.kind === 'anonymous') throw loginNeeded()
  if (!isVisible || !subject) throw unknownRepository(name, repo)
  for (const attribute of attributes) demandAt(principal, attribute, subject)
}

function digestOf(field: string, text: string) {
  try {
    return parseDigest(text)
  } catch (error) {
    if (isRefusal(error, 'DIGEST_INVALID')) refuseField(field, error.message)
    throw error
  }
}

/** Without slashes at its ends, as paths in images are. */
export function pathOf(text: string | undefined): string {
  return (text ?? '')
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')
}

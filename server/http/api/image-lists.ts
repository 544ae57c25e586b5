import type { ImageEvent, ReferrerInfo } from '../../../contract/images.ts'
import { findImageRow, listDigestMoves, listImageRows } from '../../db/image-queries.ts'
import type { Digest } from '../../domain/digest.ts'
import { findCompanions, type ImageTarget } from '../../registry/image-details.ts'
import { kindOfArtifact } from '../../registry/referrer-kind.ts'
import { pageReferrers } from '../../registry/referrers.ts'
import type { ApiDeps } from './deps.ts'
import { isoOf } from './place.ts'

interface ReferrerPage {
  readonly subject: Digest
  readonly artifactType: string | null
  readonly after: string
  readonly count: number
}

/** Referrers by digest; on the first page also what cosign keeps under tags. */
export async function listReferrerInfos(
  { db }: ApiDeps,
  place: ImageTarget,
  { subject, artifactType, after, count }: ReferrerPage,
): Promise<{ readonly items: readonly ReferrerInfo[]; readonly next: string | null }> {
  const query = { ...place, subject, artifactType }
  const { items, next } = await pageReferrers({ db }, query, { after, count })
  const listed = items.map(
    ({ annotations, digest, mediaType, sizeBytes, artifactType: type }): ReferrerInfo => ({
      ...{ digest, mediaType, sizeBytes, artifactType: type, tag: null },
      kind: kindOfArtifact(type),
      annotations: annotations === null ? {} : (JSON.parse(annotations) as Record<string, string>),
    }),
  )
  if (after !== '' || artifactType !== null) return { items: listed, next }
  return { items: [...(await companionsOf(db, place, subject)), ...listed], next }
}

async function companionsOf(
  db: ApiDeps['db'],
  place: ImageTarget,
  subject: Digest,
): Promise<ReferrerInfo[]> {
  const found: ReferrerInfo[] = []
  for (const { tag, kind, id } of await findCompanions(db, place, subject)) {
    const row = await findImageRow(db.read, id)
    // One with a subject is listed anyway.
    if (row === undefined || row.subject === subject) continue
    const { digest, mediaType, artifactType, manifestBytes: sizeBytes } = row
    found.push({ digest, mediaType, artifactType, kind, sizeBytes, annotations: {}, tag })
  }
  return found
}

interface HistoryPage {
  readonly digest: string
  readonly before: number | null
  readonly count: number
}

/** Moves of tags to the image and away from it; on the last page its push. */
export async function imageHistory(
  { db }: ApiDeps,
  { repositoryId }: ImageTarget,
  { digest, before, count }: HistoryPage,
): Promise<{ readonly items: ImageEvent[]; readonly next: number | null }> {
  const moves = await listDigestMoves(db.read, { repositoryId, digest, before, count: count + 1 })
  const shown = moves.slice(0, count)
  const events = shown.flatMap((move): ImageEvent[] => {
    const { at, by, tag, previousDigest, nextAt, nextBy, nextDigest } = move
    const tagged = { at: isoOf(at), by, tag, what: 'tagged' as const, otherDigest: previousDigest }
    if (nextAt === null || nextBy === null) return [tagged]
    const left = { at: isoOf(nextAt), by: nextBy, tag, what: 'untagged' as const }
    return [{ ...left, otherDigest: nextDigest }, tagged]
  })
  const isLast = moves.length <= count
  const [row] = isLast ? await listImageRows(db.read, { repositoryId, digests: [digest] }) : []
  if (row !== undefined) {
    const { pushedAt, pushedBy: by } = row
    events.push({ at: isoOf(pushedAt), by, what: 'pushed', tag: null, otherDigest: null })
  }
  const items = events.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0))
  return { items, next: isLast ? null : (shown.at(-1)?.id ?? null) }
}

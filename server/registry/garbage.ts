import { type CandidateKind, findNextScope, forgetScope } from '../db/candidates.ts'
import type { Db } from '../db/database.ts'
import { cleanLinks, previewLinks } from '../db/link-cleanup.ts'
import { cleanOrphans, previewOrphans } from '../db/orphan-cleanup.ts'
import { findRepositoryById } from '../db/repositories.ts'
import { isRefusal } from '../domain/errors.ts'
import { sweepCandidates } from './candidate-sweep.ts'
import type { CleanupReport } from './cleanup-report.ts'

export interface GarbageDeps {
  readonly db: Db
  readonly graceMs: number
  /** Who the audit says it was. */
  readonly by: string
  readonly dryRun: boolean
  readonly report: CleanupReport
}

/** A manifest locks its layers, children and referrers: few at once. */
const manifestsAtOnce = 10
const linksAtOnce = 200
const forgottenAtOnce = 500

/**
 * Takes the garbage of a feed that is due: orphaned manifests, then links that nothing refers to;
 * how much. Safe at any time, next to pushes, pulls and itself in another process.
 */
export async function collectGarbage(deps: GarbageDeps, feedId: number): Promise<number> {
  const manifests = await inRepositories(deps, { kind: 'manifest', feedId }, cleanManifestsOf)
  const links = await inRepositories(deps, { kind: 'link', feedId }, cleanLinksOf)
  return manifests + links
}

interface Repository {
  readonly id: number
  readonly name: string
}

/** Repositories of the feed of which clean-up was told something: those that changed. */
async function inRepositories(
  deps: GarbageDeps,
  of: { readonly kind: CandidateKind; readonly feedId: number },
  clean: (deps: GarbageDeps, repository: Repository) => Promise<number>,
): Promise<number> {
  const { db, report } = deps
  let total = 0
  let after = 0
  while (!report.signal.aborted) {
    const id = await findNextScope(db.read, { kind: of.kind, after })
    if (id === undefined) break
    after = id
    const repository = await findRepositoryById(db.read, id)
    if (repository === undefined) {
      if (!deps.dryRun) await forgetRepository(deps, id)
    } else if (repository.feedId === of.feedId) {
      report.progress(`${of.kind}s of ${repository.name}`)
      total += await clean(deps, repository).catch(unlessGone)
    }
  }
  return total
}

/** Somebody deleted the feed meanwhile. */
function unlessGone(error: unknown): number {
  if (isRefusal(error, 'NAME_UNKNOWN')) return 0
  throw error
}

async function forgetRepository({ db, report }: GarbageDeps, repositoryId: number): Promise<void> {
  const input = { repositoryId, limit: forgottenAtOnce }
  while (!report.signal.aborted && (await db.write(forgetScope, input)) === forgottenAtOnce);
}

function cleanManifestsOf(deps: GarbageDeps, repository: Repository): Promise<number> {
  const { db, graceMs, by, dryRun, report } = deps
  const of = { repositoryId: repository.id, graceMs, by }
  return sweepCandidates(deps, {
    ...{ kind: 'manifest', scopeId: repository.id, limit: manifestsAtOnce, dryRun },
    take: (pick) =>
      dryRun
        ? previewOrphans(db.read, { ...of, ...pick })
        : db.write(cleanOrphans, { ...of, ...pick }),
    tell({ removed }) {
      for (const digest of removed) {
        report.info(
          `${said(dryRun)} the manifest ${digest} of ${repository.name}: what it belonged to was deleted`,
        )
      }
      report.count('manifests', removed.length)
    },
  })
}

function cleanLinksOf(deps: GarbageDeps, repository: Repository): Promise<number> {
  const { db, graceMs, dryRun, report } = deps
  const of = { repositoryId: repository.id, graceMs }
  return sweepCandidates(deps, {
    ...{ kind: 'link', scopeId: repository.id, limit: linksAtOnce, dryRun },
    take: (pick) =>
      dryRun ? previewLinks(db.read, { ...of, ...pick }) : db.write(cleanLinks, { ...of, ...pick }),
    tell({ removed }) {
      for (const digest of removed) {
        report.info(
          `${said(dryRun)} the blob ${digest} from ${repository.name}: no manifest refers to it`,
        )
      }
      report.count('links', removed.length)
    },
  })
}

export function said(dryRun: boolean): string {
  return dryRun ? 'Would remove' : 'Removed'
}

import type { Db } from '../db/database.ts'
import { compareCandidates, listSizeCandidates, type SizeCandidate } from '../domain/retention.ts'
import type { RetentionRule } from '../domain/retention-rule.ts'
import { type Reading, type ReadRepository, readRepository } from './retention-reading.ts'
import { readFeedSize } from './sizes.ts'
import { compileRange } from './version-range.ts'

export interface Picks {
  isPicked(repository: string, rule: number, digest: string): boolean
}

/** Of one run: what is left over comes with the next one. */
const maxPicks = 100_000

interface Candidate extends SizeCandidate {
  readonly repository: string
}

type Repositories = () => AsyncIterable<{ readonly id: number; readonly name: string }>

/**
 * What rules with a size take: the first images of the whole feed in their order, until what is
 * left is small enough. Each such rule reads the feed once, and remembers at most a hundred
 * thousand images.
 */
export async function pickBySize(
  reading: Reading,
  { feedId, repositories }: { readonly feedId: number; readonly repositories: Repositories },
): Promise<Picks> {
  const picked = new Set<string>()
  const keyOf = (repository: string, rule: number, digest: string) =>
    `${rule} ${repository} ${digest}`
  const picks: Picks = {
    isPicked: (repository, rule, digest) => picked.has(keyOf(repository, rule, digest)),
  }
  for (const rule of reading.rules) {
    if (rule.size === null) continue
    const first = new FirstCandidates()
    for await (const entry of repositories()) {
      const repository = await readRepository(reading, entry)
      for (const candidate of candidatesOf(reading, rule, { repository, picks })) {
        first.add({ ...candidate, repository: repository.name })
      }
    }
    let excess = (await sizeOf(reading.db, feedId, { rule, first })) - rule.size.overBytes
    for (const candidate of first.list()) {
      if (excess <= 0) break
      picked.add(keyOf(candidate.repository, rule.id, candidate.digest))
      excess -= candidate.sizeBytes
    }
  }
  return picks
}

async function sizeOf(
  db: Db,
  feedId: number,
  { rule, first }: { readonly rule: RetentionRule; readonly first: FirstCandidates },
): Promise<number> {
  if (rule.size?.of === 'matching') return first.totalBytes
  return (await readFeedSize({ db }, feedId)).deduplicatedBytes
}

function candidatesOf(
  { rules, pullsCountedSince }: Reading,
  rule: RetentionRule,
  { repository, picks }: { readonly repository: ReadRepository; readonly picks: Picks },
): SizeCandidate[] {
  const { name, judgedAt } = repository
  return listSizeCandidates(
    {
      ...{ rules, repository, compileRange, pullsCountedSince, nowMs: judgedAt },
      isPicked: (id, digest) => picks.isPicked(name, id, digest),
    },
    rule,
  )
}

/** The first so many of any number, in their order. */
class FirstCandidates {
  totalBytes = 0
  #kept: Candidate[] = []

  add(candidate: Candidate): void {
    this.totalBytes += candidate.sizeBytes
    this.#kept.push(candidate)
    if (this.#kept.length >= 2 * maxPicks) this.#kept = this.list()
  }

  list(): Candidate[] {
    return this.#kept
      .sort((a, b) => compareCandidates(a, b) || (a.repository < b.repository ? -1 : 1))
      .slice(0, maxPicks)
  }
}

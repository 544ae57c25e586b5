/**
 * What the clients of the crash test sent and what they were told. Everything is counted in
 * ticks: one for each request sent and each answer heard, so that "before" is certain.
 */

/**
 * What a digest in a repository may be after a crash. `staged`: bytes sent, never closed, so that
 * nobody may see them. `sent`: the request that would make it visible went out, its answer was not
 * heard. `acknowledged`: the server said that it is there. `deleting` and `deleted` likewise.
 */
export type ContentState = 'staged' | 'sent' | 'acknowledged' | 'deleting' | 'deleted'

export interface ManifestEntry {
  readonly content: Buffer
  readonly mediaType: string
  readonly blobs: readonly string[]
  readonly children: readonly string[]
  state: ContentState
}

/** One attempt to move a tag. */
export interface TagMove {
  /** Null: away with it. */
  readonly digest: string | null
  readonly sentAt: number
  /** Undefined: no answer was heard. */
  heardAt: number | undefined
}

/** An upload that goes on in pieces, perhaps over several lives of the server. */
export interface OpenUpload {
  readonly repository: string
  readonly digest: string
  readonly content: Buffer
  location: string
  /** The server vouched for so many bytes. */
  acknowledgedBytes: number
  /** So many were sent: it may have more than it could say. */
  sentBytes: number
  /** The closing PUT went out. */
  closing: boolean
  /** Its cancellation went out. */
  cancelling: boolean
}

export interface RepositoryLedger {
  readonly blobs: Map<string, ContentState>
  readonly manifests: Map<string, ManifestEntry>
  readonly tags: Map<string, TagMove[]>
  /** Digests of which something was noted since the last look at them. */
  readonly unlooked: Set<string>
  /** The bytes of blobs whose push is not answered yet. */
  readonly unanswered: Map<string, Buffer>
}

export interface Ledger {
  readonly repositories: ReadonlyMap<string, RepositoryLedger>
  readonly uploads: Set<OpenUpload>
  /** What was promised and not kept, in words; the test wants none. */
  readonly faults: string[]
  readonly tick: () => number
  /** For the report. */
  readonly counts: Map<string, number>
}

export function makeLedger(repositories: readonly string[]): Ledger {
  let ticks = 0
  return {
    repositories: new Map(repositories.map((name) => [name, emptyRepository()])),
    uploads: new Set(),
    faults: [],
    tick: () => {
      ticks += 1
      return ticks
    },
    counts: new Map(),
  }
}

function emptyRepository(): RepositoryLedger {
  return {
    blobs: new Map(),
    manifests: new Map(),
    tags: new Map(),
    unlooked: new Set(),
    unanswered: new Map(),
  }
}

export function repositoryOf(ledger: Ledger, name: string): RepositoryLedger {
  const repository = ledger.repositories.get(name)
  if (repository === undefined) throw new Error(`no repository ${name}`)
  return repository
}

export function count(ledger: Ledger, what: string): void {
  ledger.counts.set(what, (ledger.counts.get(what) ?? 0) + 1)
}

const certainty: readonly ContentState[] = ['staged', 'sent', 'acknowledged']

/**
 * A blob never becomes less certain, except by being deleted: several clients push the same one.
 * `content`: what to push again if the answer is never heard.
 */
export function noteBlob(
  repository: RepositoryLedger,
  digest: string,
  note: { readonly state: ContentState; readonly content?: Buffer },
): void {
  const known = repository.blobs.get(digest)
  repository.unlooked.add(digest)
  if (note.state === 'acknowledged') repository.unanswered.delete(digest)
  else if (note.content !== undefined && known !== 'acknowledged') {
    repository.unanswered.set(digest, note.content)
  }
  const isDeletion = note.state === 'deleting' || note.state === 'deleted'
  if (
    known === undefined ||
    isDeletion ||
    certainty.indexOf(note.state) > certainty.indexOf(known)
  ) {
    repository.blobs.set(digest, note.state)
  }
}

export function noteManifest(
  repository: RepositoryLedger,
  digest: string,
  state: ContentState,
): void {
  const entry = repository.manifests.get(digest)
  if (entry === undefined) throw new Error(`no manifest ${digest}`)
  entry.state = state
  repository.unlooked.add(digest)
}

export function beginMove(ledger: Ledger, where: TagPlace, digest: string | null): TagMove {
  const move: TagMove = { digest, sentAt: ledger.tick(), heardAt: undefined }
  const { tags } = repositoryOf(ledger, where.repository)
  const moves = tags.get(where.tag) ?? [{ digest: null, sentAt: 0, heardAt: 0 }]
  tags.set(where.tag, [...moves, move])
  return move
}

export interface TagPlace {
  readonly repository: string
  readonly tag: string
}

/** An attempt that the server refused never happened. */
export function forgetMove(ledger: Ledger, where: TagPlace, move: TagMove): void {
  const { tags } = repositoryOf(ledger, where.repository)
  tags.set(
    where.tag,
    (tags.get(where.tag) ?? []).filter((other) => other !== move),
  )
}

/**
 * Where a tag may point now: at any attempt that no acknowledged one, sent after it was heard, has
 * replaced.
 */
export function possibleDigests(moves: readonly TagMove[]): Set<string | null> {
  const replaced = (move: TagMove) =>
    moves.some(
      (later) =>
        later.heardAt !== undefined && move.heardAt !== undefined && later.sentAt > move.heardAt,
    )
  return new Set(moves.filter((move) => !replaced(move)).map((move) => move.digest))
}

/** After a look with nobody else about: what was seen is all that is possible. */
export function settleTag(ledger: Ledger, where: TagPlace, seen: string | null): void {
  const at = ledger.tick()
  const { tags } = repositoryOf(ledger, where.repository)
  tags.set(where.tag, [{ digest: seen, sentAt: at, heardAt: at }])
}

/** As it is now; what is pushed from here on does not show in it. Without the faults. */
export function cloneLedger(ledger: Ledger): Ledger {
  const repositories = [...ledger.repositories].map(
    ([name, { blobs, manifests, tags, unlooked, unanswered }]): [string, RepositoryLedger] => [
      name,
      {
        unlooked: new Set(unlooked),
        unanswered: new Map(unanswered),
        blobs: new Map(blobs),
        manifests: new Map([...manifests].map(([digest, entry]) => [digest, { ...entry }])),
        tags: new Map([...tags].map(([tag, moves]) => [tag, moves.map((move) => ({ ...move }))])),
      },
    ],
  )
  return {
    repositories: new Map(repositories),
    uploads: new Set([...ledger.uploads].map((upload) => ({ ...upload }))),
    faults: [],
    tick: ledger.tick,
    counts: new Map(),
  }
}

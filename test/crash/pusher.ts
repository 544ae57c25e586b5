import type { Random } from '../support/random.ts'
import type { LayerPool } from './layers.ts'
import {
  type ContentState,
  type Ledger,
  type ManifestEntry,
  type OpenUpload,
  repositoryOf,
} from './ledger.ts'

/** A client that pushes, moves tags and deletes, and writes down what it is told. */
export interface Pusher {
  readonly number: number
  readonly random: Random
  readonly ledger: Ledger
  readonly pool: LayerPool
  readonly repositories: readonly string[]
  /** Manifests that only this client names, deletes or pushes again. */
  readonly own: OwnManifest[]
  /** Uploads it means to go on with. */
  readonly uploads: OpenUpload[]
  /** Those it has completed, which it may delete. */
  readonly completed: Pick<OpenUpload, 'repository' | 'digest' | 'content'>[]
  serial: number
}

export interface OwnManifest {
  readonly repository: string
  readonly digest: string
  /** Tags that others move, or an index: it stays. */
  pinned: boolean
}

export function makePusher(
  number: number,
  shared: Pick<Pusher, 'random' | 'ledger' | 'pool'>,
): Pusher {
  const repositories = [...shared.ledger.repositories.keys()]
  return { ...shared, number, repositories, own: [], uploads: [], completed: [], serial: 0 }
}

export function pickOwn(pusher: Pusher, state: ContentState): OwnManifest | undefined {
  const own = pusher.own.filter((item) => manifestOf(pusher, item).state === state)
  return own.length === 0 ? undefined : pusher.random.pick(own)
}

export function manifestOf(
  pusher: Pusher,
  own: Pick<OwnManifest, 'repository' | 'digest'>,
): ManifestEntry {
  const entry = repositoryOf(pusher.ledger, own.repository).manifests.get(own.digest)
  if (entry === undefined) throw new Error(`no manifest ${own.digest}`)
  return entry
}

export function ownTags(pusher: Pusher): string[] {
  return [1, 2, 3].map((number) => `own-${pusher.number}-${number}`)
}

export function ownTag(pusher: Pusher): string {
  return pusher.random.pick(ownTags(pusher))
}

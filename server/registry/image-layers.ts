import type { Db } from '../db/database.ts'
import { type BlobUse, listRepositoryNames } from '../db/image-queries.ts'
import type { HistoryStep } from './image-config.ts'
import type { Part, ReadManifest } from './image-manifest.ts'

/** A layer with the step that made it, or a step without a layer. */
export interface ImageLayer {
  readonly digest: string | null
  readonly mediaType: string | null
  readonly sizeBytes: number
  readonly isHere: boolean
  readonly command: string | null
  readonly created: string | null
  readonly comment: string | null
  readonly otherImages: number
  readonly otherRepositories: readonly RepositoryPlace[]
}

export interface RepositoryPlace {
  readonly feed: string
  readonly repository: string
}

interface Made {
  readonly layer: Part | null
  readonly step: HistoryStep
}

const noStep: HistoryStep = { command: null, created: null, comment: null, isEmpty: false }

/**
 * Layers from the lowest up, each with its step of the history (image-spec, config.md: steps with
 * `empty_layer` made none). A history that does not fit the layers is matched as far as it goes.
 */
export function layersWithSteps(layers: readonly Part[], history: readonly HistoryStep[]): Made[] {
  const rest = [...layers]
  const found = history.flatMap((step): Made[] => {
    if (step.isEmpty) return [{ layer: null, step }]
    const layer = rest.shift()
    return layer === undefined ? [] : [{ layer, step }]
  })
  return [...found, ...rest.map((layer) => ({ layer, step: noStep }))]
}

export interface LayerQuery {
  readonly repositoryId: number
  readonly manifest: ReadManifest
  readonly history: readonly HistoryStep[]
  readonly uses: readonly BlobUse[]
  /** The feed's name, if the caller may view the repository. */
  readonly nameOf: (feedId: number, repository: string) => string | undefined
}

export async function describeLayers({ db }: { readonly db: Db }, query: LayerQuery) {
  const uses = new Map(query.uses.map((use) => [use.digest, use]))
  const places = await findPlaces(db, query)
  return layersWithSteps(query.manifest.layers, query.history).map(
    ({ layer, step: { command, created, comment } }): ImageLayer => {
      const use = layer === null ? undefined : uses.get(layer.digest)
      return {
        digest: layer?.digest ?? null,
        mediaType: layer?.mediaType ?? null,
        sizeBytes: use?.sizeBytes ?? layer?.sizeBytes ?? 0,
        isHere: use?.state === 'live',
        ...{ command, created, comment },
        otherImages: Math.max(0, (use?.users ?? 0) - 1),
        otherRepositories: idsOf(use).flatMap((id) => places.get(id) ?? []),
      }
    },
  )
}

async function findPlaces(
  db: Db,
  { uses, repositoryId, nameOf }: LayerQuery,
): Promise<ReadonlyMap<number, RepositoryPlace>> {
  const ids = new Set(uses.filter(({ role }) => role === 'layer').flatMap(idsOf))
  ids.delete(repositoryId)
  const rows = await listRepositoryNames(db.read, [...ids])
  return new Map(
    rows.flatMap(({ id, feedId, name }) => {
      const feed = nameOf(feedId, name)
      return feed === undefined ? [] : [[id, { feed, repository: name }] as const]
    }),
  )
}

function idsOf(use: BlobUse | undefined): number[] {
  return use?.repositories?.split(',').map(Number) ?? []
}

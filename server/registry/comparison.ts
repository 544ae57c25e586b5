import { listBlobUses } from '../db/image-queries.ts'
import { parseDigest } from '../domain/digest.ts'
import { RegistryError } from '../domain/errors.ts'
import { isIndex } from '../domain/media-type.ts'
import type { Reference } from '../domain/reference.ts'
import { describeConfig, type ImageTarget, type OpenedImage, openImage } from './image-details.ts'
import type { FactDeps } from './image-facts.ts'
import { layersWithSteps } from './image-layers.ts'

export interface Change {
  readonly name: string
  readonly left: string | null
  readonly right: string | null
}

export interface ComparedLayer {
  readonly digest: string
  readonly sizeBytes: number
  readonly command: string | null
  readonly state: 'kept' | 'added' | 'removed'
}

export interface Comparison {
  readonly left: OpenedImage
  readonly right: OpenedImage
  readonly problem: string | null
  readonly config: readonly Change[]
  readonly labels: readonly Change[]
  readonly env: readonly Change[]
  readonly layers: readonly ComparedLayer[]
}

interface Side {
  readonly image: OpenedImage
  readonly config: Awaited<ReturnType<typeof describeConfig>>
  readonly layers: readonly Omit<ComparedLayer, 'state'>[]
}

/** What differs between two images. Of an index one of its images is taken, by platform. */
export async function compareImages(
  deps: FactDeps,
  target: ImageTarget,
  asked: { readonly left: Reference; readonly right: Reference; readonly platform: string | null },
): Promise<Comparison> {
  const left = await openSide(deps, target, asked.left, asked.platform)
  const right = await openSide(deps, target, asked.right, asked.platform)
  const problem = problemOf(left) ?? problemOf(right)
  return {
    left: left.image,
    right: right.image,
    problem,
    config: changesOf(settingsOf(left), settingsOf(right)),
    labels: changesOf(mapOf(left.config?.labels), mapOf(right.config?.labels)),
    env: changesOf(environmentOf(left), environmentOf(right)),
    layers: compareLayers(left.layers, right.layers),
  }
}

async function openSide(
  deps: FactDeps,
  target: ImageTarget,
  reference: Reference,
  platform: string | null,
): Promise<Side> {
  const image = await openPlatform(deps, target, { reference, platform })
  const { repositoryId } = target
  const { manifest } = image
  const key = { manifestId: image.row.id, repositoryId }
  const uses = await listBlobUses(deps.db.read, key, { users: 1, repositories: 1 })
  const config = await describeConfig(deps, { repositoryId, manifest, uses })
  const sizes = new Map(uses.map(({ digest, sizeBytes }) => [digest, sizeBytes]))
  const layers = layersWithSteps(manifest.layers, config?.history ?? []).flatMap(
    ({ layer, step }) =>
      layer === null
        ? []
        : [
            {
              digest: layer.digest,
              sizeBytes: sizes.get(layer.digest) ?? layer.sizeBytes,
              command: step.command,
            },
          ],
  )
  return { image, config, layers }
}

async function openPlatform(
  deps: FactDeps,
  target: ImageTarget,
  { reference, platform }: { readonly reference: Reference; readonly platform: string | null },
): Promise<OpenedImage> {
  const image = await openImage(deps, target, reference)
  if (!isIndex(image.row.mediaType)) return image
  const known = image.manifest.children.filter((child) => child.platform !== null)
  const child =
    platform === null
      ? (known.find((each) => each.platform === 'linux/amd64') ?? known[0])
      : known.find((each) => each.platform === platform)
  if (child === undefined) {
    const names = known.map((each) => each.platform).join(', ') || 'no platform'
    throw new RegistryError(
      'MANIFEST_UNKNOWN',
      `The index ${image.row.digest} has no image for ${platform ?? 'any platform'}: it has ${names}.`,
    )
  }
  return await openImage(deps, target, { kind: 'digest', digest: parseDigest(child.digest) })
}

function problemOf({ image, config }: Side): string | null {
  if (config === null) return `${image.row.digest} has no configuration.`
  return config.problem
}

function settingsOf({ config }: Side): ReadonlyMap<string, string> {
  if (config === null) return new Map()
  const list = (items: readonly string[] | null) => (items === null ? null : JSON.stringify(items))
  const some = (items: readonly string[]) => (items.length === 0 ? null : items.join(', '))
  const settings: readonly (readonly [string, string | null])[] = [
    ['platform', config.platform],
    ['created', config.created],
    ['author', config.author],
    ['entrypoint', list(config.entrypoint)],
    ['cmd', list(config.cmd)],
    ['exposedPorts', some(config.exposedPorts)],
    ['volumes', some(config.volumes)],
    ['user', config.user],
    ['workingDir', config.workingDir],
    ['stopSignal', config.stopSignal],
  ]
  return new Map(settings.flatMap(([name, value]) => (value === null ? [] : [[name, value]])))
}

function mapOf(texts: Readonly<Record<string, string>> | undefined): ReadonlyMap<string, string> {
  return new Map(Object.entries(texts ?? {}))
}

/** Of a name that is given twice the last counts, as for whoever runs it. */
function environmentOf({ config }: Side): ReadonlyMap<string, string> {
  return new Map(
    (config?.env ?? []).map((entry) => {
      const at = entry.indexOf('=')
      return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
    }),
  )
}

function changesOf(
  left: ReadonlyMap<string, string>,
  right: ReadonlyMap<string, string>,
): Change[] {
  const names = [...new Set([...left.keys(), ...right.keys()])]
  return names
    .filter((name) => left.get(name) !== right.get(name))
    .map((name) => ({ name, left: left.get(name) ?? null, right: right.get(name) ?? null }))
}

/** Those of the right in their order, those that only the left has after what they came after. */
function compareLayers(left: Side['layers'], right: Side['layers']): ComparedLayer[] {
  const [ofLeft, ofRight] = [left, right].map(
    (layers) => new Set(layers.map(({ digest }) => digest)),
  )
  const removed = left
    .filter(({ digest }) => !ofRight?.has(digest))
    .map((layer) => ({ ...layer, state: 'removed' as const }))
  const stay = right.map((layer) => ({
    ...layer,
    state: ofLeft?.has(layer.digest) ? ('kept' as const) : ('added' as const),
  }))
  const firstNew = stay.findIndex(({ state }) => state === 'added')
  const at = firstNew < 0 ? stay.length : firstNew
  return [...stay.slice(0, at), ...removed, ...stay.slice(at)]
}

import { formatPlatform } from '../domain/platform.ts'
import { textsByName } from './image-config.ts'

/** A part of a manifest as its bytes name it. */
export interface Part {
  readonly digest: string
  readonly mediaType: string
  readonly sizeBytes: number
  readonly platform: string | null
  readonly annotations: Readonly<Record<string, string>>
}

/** A manifest that was accepted, read for people. */
export interface ReadManifest {
  readonly config: Part | null
  readonly layers: readonly Part[]
  readonly children: readonly Part[]
  readonly annotations: Readonly<Record<string, string>>
}

type Json = Readonly<Record<string, unknown>>

/** Of each kind: what a page shows. A manifest of 4 MiB may have tens of thousands. */
const maxParts = 1000

/** What was accepted is an object of the right shape; what is not so is left out. */
export function readManifest(content: string): ReadManifest {
  const json = JSON.parse(content) as Json
  return {
    config: partOf(json.config),
    layers: [...partsOf(json.layers), ...partsOf(json.blobs)].slice(0, maxParts),
    children: partsOf(json.manifests),
    annotations: textsByName(json.annotations),
  }
}

function partsOf(value: unknown): Part[] {
  if (!Array.isArray(value)) return []
  return value.slice(0, maxParts).flatMap((item: unknown) => partOf(item) ?? [])
}

function partOf(value: unknown): Part | null {
  if (typeof value !== 'object' || value === null) return null
  const { digest, mediaType, size, platform, annotations } = value as Json
  if (typeof digest !== 'string' || typeof mediaType !== 'string') return null
  return {
    digest,
    mediaType,
    sizeBytes: typeof size === 'number' ? size : 0,
    platform: formatPlatform(platform),
    annotations: textsByName(annotations),
  }
}

import type { ImageChild } from '../../../contract/images.ts'

export interface PlatformChoice {
  readonly name: string
  readonly digest: string
  readonly isHere: boolean
}

/** What an index lists for machines to run: not what BuildKit attests of it. */
export function platformsOf(children: readonly ImageChild[]): readonly PlatformChoice[] {
  return children
    .filter((child) => !isAttestation(child))
    .map(({ platform, digest, isHere }, at) => ({
      name: platform ?? `image ${at + 1}`,
      digest,
      isHere,
    }))
}

/** BuildKit keeps provenance and SBOMs as images for an unknown platform. */
export function isAttestation({ platform, annotations }: ImageChild): boolean {
  return (
    annotations['vnd.docker.reference.type'] === 'attestation-manifest' ||
    platform === 'unknown/unknown'
  )
}

/** The one that is wanted, else Linux on amd64, else the first that is here. */
export function pickPlatform(
  children: readonly ImageChild[],
  wanted: string | undefined,
): PlatformChoice | undefined {
  const all = platformsOf(children)
  return (
    all.find(({ name }) => name === wanted) ??
    all.find(({ name, isHere }) => name === 'linux/amd64' && isHere) ??
    all.find(({ isHere }) => isHere) ??
    all[0]
  )
}

import { useQuery } from '@tanstack/react-query'
import { api } from '../../../contract/api.ts'
import type { ImageDetails } from '../../../contract/images.ts'
import { callQuery } from '../../queries/calls.ts'
import { useStays } from '../../queries/removal.ts'
import type { Reference } from '../../reference.ts'
import { type PlatformChoice, pickPlatform } from './platforms.ts'

/** A reference that names an image: by tag, by digest, or by both, where the digest counts. */
export type ImageReference = Reference & { readonly repository: string }

export function imageQuery(feed: string, repo: string, digest: string) {
  return callQuery(api.images.get, { query: { feed, repo, digest } })
}

/** What the address names, and of an index the image for one platform. */
export interface ShownImage {
  /** What the address names. */
  readonly top: ImageDetails
  /** Of an index the image that is looked into; undefined while it loads. Else the same as `top`. */
  readonly image: ImageDetails | undefined
  /** Why it could not be had. */
  readonly imageError: Error | null
  readonly retryImage: () => void
  readonly platform: PlatformChoice | undefined
}

/** `wanted` is the platform of the address, if it has one. */
export function useImage(reference: ImageReference, wanted: string | undefined) {
  const { feed, repository, tag, digest } = reference
  const stays = useStays()
  const top = useQuery({ ...imageQuery(feed, repository, digest ?? tag ?? ''), enabled: stays })
  const platform = top.data && pickPlatform(top.data.children, wanted)
  const child = useQuery({
    ...imageQuery(feed, repository, platform?.digest ?? ''),
    enabled: platform?.isHere === true && stays,
  })
  const isIndex = top.data?.kind === 'index'
  const shown: ShownImage | undefined = top.data && {
    top: top.data,
    image: isIndex ? child.data : top.data,
    imageError: isIndex ? child.error : null,
    retryImage: () => void child.refetch(),
    platform,
  }
  return { shown, error: top.error, refetch: () => void top.refetch() }
}

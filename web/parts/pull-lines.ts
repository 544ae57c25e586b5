import type { ImageDetails } from '../../contract/images.ts'

export const pullClients = ['docker', 'podman', 'containerd', 'kubernetes', 'helm', 'oras'] as const
export type PullClient = (typeof pullClients)[number]

/** What a line needs to know of it. */
export type Pulled = Pick<ImageDetails, 'kind' | 'imageName' | 'tag' | 'tags' | 'digest'> & {
  readonly config: { readonly mediaType: string } | null
}

const helmConfig = 'application/vnd.cncf.helm.config.v1+json'

/** Whether a config of this type is that of an image for containers. */
export function isImageConfig(mediaType: string): boolean {
  return /^application\/vnd\.(?:oci\.image\.config|docker\.container\.image)\.v1\+json$/.test(
    mediaType,
  )
}

/** Who can pull it: nobody starts a container from a chart. The likeliest first. */
export function clientsFor({ kind, config }: Pulled): readonly PullClient[] {
  if (kind !== 'artifact') return ['docker', 'podman', 'containerd', 'kubernetes']
  return config?.mediaType === helmConfig ? ['helm', 'oras'] : ['oras']
}

/** The tag that a line names: the one asked for, else the first that points there. */
export function tagOf({ tag, tags }: Pulled): string | null {
  return tag ?? tags[0] ?? null
}

/** One line that is complete as it stands. Without a tag it names the digest. */
export function pullLine(image: Pulled, client: PullClient, byDigest: boolean): string {
  const tag = byDigest ? null : tagOf(image)
  const name = `${image.imageName}${tag === null ? `@${image.digest}` : `:${tag}`}`
  switch (client) {
    case 'docker':
      return `docker pull ${name}`
    case 'podman':
      return `podman pull ${name}`
    case 'containerd':
      return `nerdctl pull ${name}`
    case 'kubernetes':
      return `image: ${name}`
    case 'helm':
      return tag === null
        ? `helm pull oci://${name}`
        : // Helm writes the "+" of a version as "_", which tags may have.
          `helm pull oci://${image.imageName} --version ${tag.replaceAll('_', '+')}`
    case 'oras':
      return `oras pull ${name}`
  }
}

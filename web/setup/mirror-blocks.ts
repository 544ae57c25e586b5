import type { Block } from './blocks.ts'
import { originOf, type Place } from './place.ts'

export type MirrorClient = 'containerd' | 'podman' | 'docker'

export interface MirrorWanted {
  readonly place: Place
  /** The host that the registry stands in for; null: it is only the default mirror. */
  readonly mirrorOf: string | null
  readonly defaultMirror: boolean
  /** Whether who has not logged in may pull from all of it. */
  readonly isPublic: boolean
}

/** What clients need to pull another registry's names from this one. */
export const mirrorClients: Readonly<
  Record<MirrorClient, (wanted: MirrorWanted) => readonly Block[]>
> = {
  containerd: (wanted) =>
    wanted.mirrorOf === null ? [] : containerdBlocks(wanted, wanted.mirrorOf),
  podman: (wanted) => (wanted.mirrorOf === null ? [] : podmanBlocks(wanted, wanted.mirrorOf)),
  docker: (wanted) => (wanted.defaultMirror ? dockerBlocks(wanted) : []),
}

/** What has no block, in words; undefined: there is one. */
export function whyNone(client: MirrorClient, wanted: MirrorWanted): string | undefined {
  if (client === 'docker') {
    return wanted.defaultMirror
      ? undefined
      : 'Docker does not tell its mirrors whose names it asks for, so only the default mirror of this server can serve it, and this registry is not that. An administrator can make it so, in the tab Connectors.'
  }
  return wanted.mirrorOf === null
    ? 'This registry is the default mirror, but the mirror of no host. An administrator can name one, in the tab Connectors.'
    : undefined
}

function containerdBlocks({ place, isPublic }: MirrorWanted, host: string): readonly Block[] {
  const origin = originOf(place)
  const lines = [
    `server = "${upstreamOf(host)}"`,
    '',
    `[host."${origin}"]`,
    '  capabilities = ["pull", "resolve"]',
    ...(place.isPlainHttp
      ? []
      : ['  # Only with a certificate of your own:', '  # ca = "/etc/containerd/certs.d/ca.crt"']),
    ...(isPublic
      ? []
      : [`  [host."${origin}".header]`, '    authorization = "Basic <api:key in base64>"']),
  ]
  return [
    ...keyBlocks(isPublic),
    {
      title: `Pull ${host} through this registry`,
      why: `For containerd, and so Kubernetes, k3s and nerdctl; on every node, without a restart. containerd’s configuration needs config_path = "/etc/containerd/certs.d". While this server is away containerd asks ${host} itself; to forbid that, write this server’s address in the first line too.`,
      file: `/etc/containerd/certs.d/${host}/hosts.toml`,
      text: lines.join('\n'),
    },
    {
      title: 'Pull',
      text: `nerdctl pull ${exampleOf(host)}`,
    },
  ]
}

/** containerd has no other place for credentials of a mirror. */
function keyBlocks(isPublic: boolean): readonly Block[] {
  if (isPublic) return []
  return [
    {
      title: 'A key, in base64',
      why: 'This registry is not public. Make an API key that can only view it, and put what this prints into the file below.',
      text: "printf 'api:%s' '<the key>' | base64 -w 0",
    },
  ]
}

function podmanBlocks({ place, isPublic }: MirrorWanted, host: string): readonly Block[] {
  const insecure = place.isPlainHttp ? '\ninsecure = true' : ''
  return [
    ...(isPublic
      ? []
      : [
          {
            title: 'Sign in',
            why: 'This registry is not public.',
            text: `podman login -u api ${place.host}`,
          },
        ]),
    {
      title: `Pull ${host} through this registry`,
      why: `For podman, buildah, skopeo and CRI-O. While this server is away they ask ${host} itself; to forbid that, add blocked = true to [[registry]].`,
      file: '/etc/containers/registries.conf.d/entrepot-mirror.conf',
      text: `[[registry]]\nlocation = "${host}"\n\n[[registry.mirror]]\nlocation = "${place.prefix}"${insecure}`,
    },
    { title: 'Pull', text: `podman pull ${exampleOf(host)}` },
  ]
}

function dockerBlocks({ place, isPublic }: MirrorWanted): readonly Block[] {
  const origin = originOf(place)
  const settings = {
    'registry-mirrors': [origin],
    ...(place.isPlainHttp && !place.isLocal && { 'insecure-registries': [place.host] }),
  }
  const notPublic = isPublic
    ? ''
    : ' Docker sends a mirror no login: before that, let everybody view this registry, in its tab Permissions, or it is passed over.'
  return [
    {
      title: 'Pull from Docker Hub through this server',
      why: `Docker mirrors Docker Hub and nothing else. Add this to what is there, then restart docker. While this server is away docker asks Docker Hub itself.${notPublic}`,
      file: '/etc/docker/daemon.json',
      text: JSON.stringify(settings, undefined, 2),
    },
    { title: 'Pull', text: 'docker pull debian:12' },
  ]
}

/** Docker Hub's name is not where it answers. */
function upstreamOf(host: string): string {
  return `https://${host === 'docker.io' ? 'registry-1.docker.io' : host}`
}

function exampleOf(host: string): string {
  return host === 'docker.io' ? 'docker.io/library/debian:12' : `${host}/team/app:1.0`
}

import { originOf, type Place } from './place.ts'

/** Lines that are complete: copied as they are, they work. */
export interface Block {
  readonly title: string
  /** Why it is needed, in a line. */
  readonly why?: string
  /** Where the lines go, when they are no commands. */
  readonly file?: string
  readonly text: string
}

export type Client = 'docker' | 'podman' | 'kubernetes' | 'helm' | 'github'

export interface Wanted {
  readonly place: Place
  /** Who signs in; `api` with a key. */
  readonly userName: string
}

const plainWhy = 'This server is reached without HTTPS, which clients refuse unless they are told.'
const ownWhy =
  'Only if no public authority signed the certificate of this server: give the client yours.'

/** What each client needs to push to a registry and to pull from it. */
export const clients: Readonly<Record<Client, (wanted: Wanted) => readonly Block[]>> = {
  docker: (wanted) => [
    ...dockerTrust(wanted.place),
    { title: 'Sign in', text: `docker login -u ${wanted.userName} ${wanted.place.host}` },
    { title: 'Push an image of yours', text: pushLines('docker', wanted.place) },
    { title: 'Pull it', text: `docker pull ${wanted.place.prefix}/my-app:1.0` },
  ],
  podman: (wanted) => [
    ...podmanTrust(wanted.place),
    { title: 'Sign in', text: `podman login -u ${wanted.userName} ${wanted.place.host}` },
    { title: 'Push an image of yours', text: pushLines('podman', wanted.place) },
    { title: 'Pull it', text: `podman pull ${wanted.place.prefix}/my-app:1.0` },
    {
      title: 'Copy one from elsewhere with skopeo, all its platforms',
      text: `skopeo copy --all docker://docker.io/library/debian:12 docker://${wanted.place.prefix}/debian:12`,
    },
  ],
  kubernetes: (wanted) => [
    ...containerdTrust(wanted.place),
    {
      title: 'A pull secret',
      why: 'Make an API key that can only view this registry: its secret is the password.',
      text: `kubectl create secret docker-registry entrepot --docker-server=${wanted.place.host} --docker-username=api --docker-password=<the key>`,
    },
    { title: 'A pod that uses it', file: 'pod.yaml', text: podOf(wanted.place) },
  ],
  helm: ({ place, userName }) => {
    const plain = place.isPlainHttp && !place.isLocal ? ' --plain-http' : ''
    return [
      { title: 'Sign in', text: `helm registry login -u ${userName} ${place.host}${plain}` },
      {
        title: 'Push a chart',
        text: `helm package my-chart\nhelm push my-chart-1.0.0.tgz oci://${place.prefix}/charts${plain}`,
      },
      {
        title: 'Pull it',
        text: `helm pull oci://${place.prefix}/charts/my-chart --version 1.0.0${plain}`,
      },
    ]
  },
  github: ({ place }) => [
    {
      title: 'Build and push',
      why: 'Keep the secret of an API key as ENTREPOT_KEY in the repository’s secrets. GitHub’s runners must reach this server.',
      file: '.github/workflows/push.yaml',
      text: workflowOf(place),
    },
  ],
}

function pushLines(program: 'docker' | 'podman', { prefix }: Place): string {
  return `${program} tag my-app:1.0 ${prefix}/my-app:1.0\n${program} push ${prefix}/my-app:1.0`
}

function dockerTrust({ host, isPlainHttp, isLocal }: Place): readonly Block[] {
  if (isPlainHttp) {
    if (isLocal) return []
    return [
      {
        title: 'Let docker use plain HTTP',
        why: `${plainWhy} Add this, then restart docker.`,
        file: '/etc/docker/daemon.json',
        text: JSON.stringify({ 'insecure-registries': [host] }),
      },
    ]
  }
  return [
    {
      title: 'A certificate of your own',
      why: `${ownWhy} Docker needs no restart.`,
      text: `sudo mkdir -p /etc/docker/certs.d/${host}\nsudo cp ca.crt /etc/docker/certs.d/${host}/ca.crt`,
    },
  ]
}

function podmanTrust({ host, isPlainHttp }: Place): readonly Block[] {
  if (isPlainHttp) {
    return [
      {
        title: 'Let podman, buildah and skopeo use plain HTTP',
        why: plainWhy,
        file: '/etc/containers/registries.conf.d/entrepot.conf',
        text: `[[registry]]\nlocation = "${host}"\ninsecure = true`,
      },
    ]
  }
  return [
    {
      title: 'A certificate of your own',
      why: ownWhy,
      text: `sudo mkdir -p /etc/containers/certs.d/${host}\nsudo cp ca.crt /etc/containers/certs.d/${host}/ca.crt`,
    },
  ]
}

function containerdTrust(place: Place): readonly Block[] {
  const { host, isPlainHttp } = place
  const server = originOf(place)
  const authority = isPlainHttp ? '' : '\n  ca = "/etc/containerd/certs.d/ca.crt"'
  return [
    {
      title: isPlainHttp ? 'Let containerd use plain HTTP' : 'A certificate of your own',
      why: `${isPlainHttp ? plainWhy : ownWhy} On every node; containerd’s configuration needs config_path = "/etc/containerd/certs.d".`,
      file: `/etc/containerd/certs.d/${host}/hosts.toml`,
      text: `server = "${server}"\n[host."${server}"]\n  capabilities = ["pull", "resolve", "push"]${authority}`,
    },
  ]
}

function podOf({ prefix }: Place): string {
  return `apiVersion: v1
kind: Pod
metadata:
  name: my-app
spec:
  imagePullSecrets:
    - name: entrepot
  containers:
    - name: my-app
      image: ${prefix}/my-app:1.0`
}

function workflowOf({ host, prefix }: Place): string {
  return `on: push
jobs:
  push:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: docker/login-action@v3
        with:
          registry: ${host}
          username: api
          password: \${{ secrets.ENTREPOT_KEY }}
      - uses: docker/build-push-action@v6
        with:
          push: true
          tags: ${prefix}/my-app:\${{ github.sha }}`
}

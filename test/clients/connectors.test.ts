import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { connect, seed } from '../connectors/stage.ts'
import { clientOf } from '../support/api-call.ts'
import { runSuccessfully } from '../support/command.ts'
import { makeContainerStorage } from '../support/container-storage.ts'
import { type Containerd, startContainerd } from '../support/containerd.ts'
import { contentOf, descriptor, type Image, manifestOf, mediaTypes } from '../support/content.ts'
import { describeWith } from '../support/describe-with.ts'
import { type Distribution, startDistribution } from '../support/distribution.ts'
import { startDockerEngine } from '../support/docker-engine.ts'
import { type FaultProxy, openFaultProxy } from '../support/fault-proxy.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { basicAuthorization } from '../support/registry-client.ts'
import { needs } from '../support/require.ts'
import { formatTar } from '../support/tar.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const { engine, reason } = await startDockerEngine()
const registry = needs({ program: 'docker-registry', package: 'docker-registry' })
const podman = needs({ program: 'podman', package: 'podman' })
const containerdFound = needs({ program: 'containerd', package: 'containerd' })
const ctr = needs({ program: 'ctr', package: 'containerd' })
const folder = makeTemporaryFolder('connector-clients')
const inside = (name: string) => path.join(folder.path, name)
const storage = makeContainerStorage(folder.path)
const freshnessSeconds = 3

afterAll(async () => {
  await engine?.[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

const missing = [registry, podman, containerdFound, ctr].map((found) => found.reason)

describeWith('clients through a connector', [reason, ...missing], () => {
  let upstream: Distribution
  let proxy: FaultProxy
  let server: ServerProcess
  let containerd: Containerd

  beforeAll(async () => {
    upstream = await startDistribution(registry.file, inside('upstream'))
    proxy = await openFaultProxy(upstream.url)
    server = await startProcess({ dataDir: inside('data') })
    const admin = basicAuthorization('Admin', adminPassword)
    const body = { name: 'hub', mirrorOf: 'docker.io' }
    await call(clientOf(server.url, admin), api.feeds.create, { body })
    const connector = { name: 'upstream', url: proxy.url, freshnessSeconds }
    await connect({ url: server.url, admin }, 'hub', connector)
    const programs = { containerd: containerdFound.file, ctr: ctr.file }
    containerd = await startContainerd(programs, inside('containerd'))
    await docker('login', '--username', 'Admin', '--password', adminPassword, server.host)
  }, 120_000)
  afterAll(async () => {
    await containerd[Symbol.asyncDispose]()
    expect(await server.stop()).toBe(0)
    await proxy[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })

  const image = (reference: string) => `${server.host}/hub/${reference}`

  async function docker(...args: readonly string[]): Promise<string> {
    const result = await engine?.docker(...args)
    expect(result?.code, result?.output).toBe(0)
    return result?.stdout ?? ''
  }

  async function podmanPull(reference: string, architecture: string): Promise<void> {
    const own = ['--cgroup-manager', 'cgroupfs', '--events-backend', 'none']
    const at = ['--tmpdir', inside('tmp'), ...storage.flags]
    const as = ['--tls-verify=false', '--creds', `Admin:${adminPassword}`]
    const args = ['pull', ...storage.policyFlag, ...as, '--arch', architecture, reference]
    await runSuccessfully(podman.file, [...own, ...at, ...args], { env: storage.env })
  }

  async function seedIndex(name: string, tag: string) {
    const images = ['amd64', 'arm64'].map(newImage)
    for (const each of images) await seed(upstream.url, name, { image: each, tags: [] })
    const index = manifestOf(
      {
        ...{ schemaVersion: 2, mediaType: mediaTypes.index },
        manifests: images.map(({ manifest }, at) => ({
          ...descriptor(manifest, manifest.mediaType),
          platform: { os: 'linux', architecture: at === 0 ? 'amd64' : 'arm64' },
        })),
      },
      mediaTypes.index,
    )
    await seed(upstream.url, name, { image: { manifest: index, blobs: [] }, tags: [tag] })
    return { index, images }
  }

  test('docker and podman pull an index that was never seen, and without upstream again', async () => {
    const { index } = await seedIndex('team/app', '1')
    expect(await docker('pull', image('team/app:1'))).toContain(index.digest)
    await podmanPull(image('team/app:1'), 'arm64')
    proxy.setFault({ kind: 'status', status: 503 })
    await sleep(freshnessSeconds * 1000 + 200)
    for (const reference of ['team/app:1', `team/app@${index.digest}`].map(image)) {
      await docker('rmi', '--force', image('team/app:1'))
      expect(await docker('pull', reference)).toContain(index.digest)
    }
    const podmanAgain = ['rmi', '--all', '--force']
    await runSuccessfully(podman.file, [...storage.flags, ...podmanAgain], { env: storage.env })
    await podmanPull(image('team/app:1'), 'arm64')
    await podmanPull(image(`team/app@${index.digest}`), 'amd64')
    proxy.setFault(null)
  })

  test('docker sees a tag that moved after the freshness time, not before', async () => {
    const first = newImage('amd64')
    await seed(upstream.url, 'team/moving', { image: first, tags: ['1'] })
    expect(await docker('pull', image('team/moving:1'))).toContain(first.manifest.digest)
    const second = newImage('amd64')
    await seed(upstream.url, 'team/moving', { image: second, tags: ['1'] })
    await sleep(freshnessSeconds * 1000 + 200)
    expect(await docker('pull', image('team/moving:1'))).toContain(second.manifest.digest)
    const asked = proxy.requests.length
    expect(await docker('pull', image('team/moving:1'))).toContain(second.manifest.digest)
    expect(proxy.requests.length).toBe(asked)
  })

  test('containerd pulls a name of docker.io through the mirror of hosts.toml', async () => {
    const shown = newImage('amd64')
    await seed(upstream.url, 'library/shown', { image: shown, tags: ['1'] })
    await mkdir(inside('hosts/docker.io'), { recursive: true })
    const hosts = `server = "https://registry-1.docker.io"\n\n[host."${server.url}"]\n  capabilities = ["pull", "resolve"]\n`
    await writeFile(inside('hosts/docker.io/hosts.toml'), hosts)
    const pulled = await containerd.ctr(
      ...['images', 'pull', '--hosts-dir', inside('hosts'), '--snapshotter', 'native'],
      ...['--user', `Admin:${adminPassword}`, 'docker.io/library/shown:1'],
    )
    expect(pulled.code, pulled.output).toBe(0)
    const listed = await containerd.ctr('images', 'ls', 'name==docker.io/library/shown:1')
    expect(listed.stdout).toContain(shown.manifest.digest)
  })

  test('podman pulls a name of docker.io through the mirror of registries.conf', async () => {
    const shown = newImage('amd64')
    await seed(upstream.url, 'library/known', { image: shown, tags: ['1'] })
    const location = `${server.host}/hub`
    const conf = `[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n\n[[registry.mirror]]\nlocation = "${location}"\ninsecure = true\n`
    await writeFile(inside('registries.conf'), conf)
    const auths = {
      [server.host]: { auth: Buffer.from(`Admin:${adminPassword}`).toString('base64') },
    }
    await writeFile(inside('auth.json'), JSON.stringify({ auths }))
    const env = { ...storage.env, CONTAINERS_REGISTRIES_CONF: inside('registries.conf') }
    const args = ['pull', ...storage.policyFlag, '--authfile', inside('auth.json')]
    const own = ['--cgroup-manager', 'cgroupfs', '--events-backend', 'none']
    await runSuccessfully(
      podman.file,
      [...own, ...storage.flags, ...args, 'docker.io/library/known:1'],
      { env },
    )
    const seen = await runSuccessfully(
      podman.file,
      [
        ...storage.flags,
        'image',
        'inspect',
        '--format',
        '{{.Digest}}',
        'docker.io/library/known:1',
      ],
      { env },
    )
    expect(seen.trim()).toBe(shown.manifest.digest)
  })
})

/** As builders make them: what the configuration says of the layer is what it unpacks to. */
function newImage(architecture: string): Image {
  const tar = formatTar({ [`${architecture}.bin`]: randomBytes(200_000) })
  const layer = contentOf(gzipSync(tar))
  const rootfs = { type: 'layers', diff_ids: [contentOf(tar).digest] }
  const config = contentOf(JSON.stringify({ architecture, os: 'linux', config: {}, rootfs }))
  const manifest = manifestOf({
    schemaVersion: 2,
    mediaType: mediaTypes.image,
    config: descriptor(config, mediaTypes.config),
    layers: [descriptor(layer, mediaTypes.gzipLayer)],
  })
  return { manifest, config, layers: [layer], blobs: [config, layer] }
}

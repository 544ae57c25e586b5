import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { mirrorClients } from '../../web/setup/mirror-blocks.ts'
import { placeOf } from '../../web/setup/place.ts'
import { connect } from '../connectors/stage.ts'
import { clientOf } from '../support/api-call.ts'
import { runSuccessfully } from '../support/command.ts'
import { type Containerd, startContainerd } from '../support/containerd.ts'
import { describeWith } from '../support/describe-with.ts'
import { imageOf } from '../support/layers.ts'
import { pushImage } from '../support/push.ts'
import { needs } from '../support/require.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const skopeo = needs({ program: 'skopeo', package: 'skopeo' })
const containerdFound = needs({ program: 'containerd', package: 'containerd' })
const ctrFound = needs({ program: 'ctr', package: 'containerd' })
const needed = [skopeo.reason, containerdFound.reason, ctrFound.reason]

describeWith('what the set-up page says of a mirror', needed, () => {
  const folder = makeTemporaryFolder('mirror-setup')
  const inside = (name: string) => path.join(folder.path, name)
  const image = imageOf([{ bytes: Buffer.from('a layer') }])
  let upstream: TestServer
  let server: TestServer
  let containerd: Containerd

  beforeAll(async () => {
    upstream = await startServer()
    const theirs = { url: upstream.url, callers: { admin: upstream.admin } }
    await pushImage(theirs, 'main/library/debian', image, ['12'])
    server = await startServer()
    await server.createFeed('hub')
    const credentials = { username: 'Admin', password: upstream.adminPassword }
    await connect(server, 'hub', { name: 'dockerhub', url: `${upstream.url}/main`, ...credentials })
    await call(clientOf(server.url, server.admin), api.feeds.update, {
      params: { name: 'hub' },
      body: { mirrorOf: 'docker.io' },
    })
    const programs = { containerd: containerdFound.file, ctr: ctrFound.file }
    containerd = await startContainerd(programs, inside('containerd'))
  }, 120_000)
  afterAll(async () => {
    await containerd?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
    await upstream?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  /** The file of the page, for a registry that asks for a login. */
  const textFor = (client: 'containerd' | 'podman') => {
    const place = placeOf(`${server.url}/hub`)
    const wanted = { place, mirrorOf: 'docker.io', defaultMirror: false, isPublic: false }
    const block = mirrorClients[client](wanted).find(({ file }) => file !== undefined)
    return block?.text ?? ''
  }

  test('skopeo, and what reads registries.conf as it does, finds images of docker.io here', async () => {
    await writeFile(inside('registries.conf'), textFor('podman'))
    const auth = Buffer.from(`Admin:${server.adminPassword}`).toString('base64')
    const auths = { [new URL(server.url).host]: { auth } }
    await writeFile(inside('auth.json'), JSON.stringify({ auths }))
    const printed = await runSuccessfully(skopeo.file, [
      ...['--registries-conf', inside('registries.conf'), 'inspect', '--raw'],
      ...['--authfile', inside('auth.json'), 'docker://docker.io/library/debian:12'],
    ])
    expect(printed).toBe(image.manifest.bytes.toString('utf8'))
  })

  test('containerd finds them with hosts.toml, and signs in by it', async () => {
    const key = server.admin.replace('Basic ', '')
    await mkdir(inside('hosts/docker.io'), { recursive: true })
    const text = textFor('containerd').replace('<api:key in base64>', key)
    await writeFile(inside('hosts/docker.io/hosts.toml'), text)
    const target = ['--hosts-dir', inside('hosts'), 'docker.io/library/debian:12']
    const pulled = await containerd.ctr('content', 'fetch', ...target)
    expect(pulled).toMatchObject({ code: 0 })
    const kept = await containerd.ctr('content', 'ls', '--quiet')
    for (const { digest } of [image.manifest, ...image.blobs]) expect(kept.stdout).toContain(digest)
  })
})

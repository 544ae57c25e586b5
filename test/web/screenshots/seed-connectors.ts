import { api } from '../../../contract/api.ts'
import { call } from '../../../contract/call.ts'
import { puller } from '../../connectors/stage.ts'
import { clientOf } from '../../support/api-call.ts'
import { makeDemoImages } from '../../support/demo-images.ts'
import { pushImage } from '../../support/push.ts'
import type { TestServer } from '../../support/server.ts'

/** A mirror of Docker Hub, whose part another server plays, and a connector that leads nowhere. */
export async function seedConnectors(server: TestServer, upstream: TestServer): Promise<void> {
  const client = clientOf(server.url, server.admin)
  const demo = await makeDemoImages()
  const theirs = { url: upstream.url, callers: { admin: upstream.admin } }
  await pushImage(theirs, 'main/library/debian', demo.older, ['12', 'bookworm', 'stable'])
  const credentials = { username: 'Admin', password: upstream.adminPassword }
  const filters = ['library/*', 'grafana/*', '!library/*-dev']
  for (const body of [
    {
      name: 'docker-hub',
      url: `${upstream.url}/main`,
      ...credentials,
      filters,
      allowPrivate: true,
    },
    {
      name: 'partner',
      url: 'http://127.0.0.1:9/registry',
      allowPrivate: true,
      libraryPrefix: true,
    },
    { name: 'our-public-ones', feed: 'public' },
    { name: 'quay', url: 'https://quay.io', enabled: false },
  ]) {
    await call(client, api.connectors.create, { body })
  }
  await server.createFeed('hub', { description: 'What comes from Docker Hub.' })
  const pull = puller(server)
  const params = { name: 'hub' }
  const ask = (connectors: string[]) =>
    call(client, api.feeds.update, { params, body: { connectors } })
  await ask(['partner'])
  await pull('GET', '/v2/hub/nothing/manifests/1')
  await ask(['docker-hub', 'our-public-ones', 'partner'])
  const mirror = { mirrorOf: 'docker.io', defaultMirror: true }
  await call(client, api.feeds.update, { params, body: mirror })
  for (const { digest } of demo.older.blobs) {
    await pull('GET', `/v2/hub/library/debian/blobs/${digest}`)
  }
  for (const tag of ['12', 'bookworm']) await pull('GET', `/v2/hub/library/debian/manifests/${tag}`)
}

import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { askApi } from '../support/api-call.ts'
import { clouds } from '../support/cloud-stores.ts'
import { runSuccessfully } from '../support/command.ts'
import { makeOciLayout } from '../support/oci-layout.ts'
import { needs } from '../support/require.ts'
import { startServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

vi.setConfig({ testTimeout: 600_000 })
const skopeo = needs({ program: 'skopeo', package: 'skopeo' })
const folder = makeTemporaryFolder('skopeo-on-clouds')
afterAll(async () => {
  vi.resetConfig()
  await folder[Symbol.asyncDispose]()
})

const kinds = clouds.filter(({ name }) => name !== 'Swift')

describe.each(kinds)('skopeo, with images on $name', ({ name, missing, start }) => {
  const reason = [skopeo.reason, missing].filter((each) => each !== '').join(', ')

  test.skipIf(reason !== '').each(['false', 'true'])(
    `copies an image there and back, redirected: %s ${reason}`,
    async (redirected) => {
      await using cloud = await start()
      const { id, properties } = await cloud.newPlace()
      await using server = await startServer()
      await server.createFeed('cloudy')
      const set = await askApi(server.url, {
        ...{ target: '/api/storage?feed=cloudy', headers: { authorization: server.admin } },
        json: { id, properties: { ...properties, RedirectDownloads: redirected } },
      })
      expect(set.status, JSON.stringify(set.body)).toBe(200)
      // Feeds are looked up anew after a second.
      await sleep(1100)
      const inside = (file: string) => path.join(folder.path, `${name}-${redirected}-${file}`)
      await mkdir(inside('layout'))
      const layout = await makeOciLayout(inside('layout'), 'layout')
      const image = `docker://${new URL(server.url).host}/cloudy/team/multi:1`
      const login = `Admin:${server.adminPassword}`
      const to = ['--dest-tls-verify=false', '--dest-creds', login]
      await runSuccessfully(skopeo.file, [
        '--insecure-policy',
        'copy',
        '--all',
        ...to,
        layout.reference,
        image,
      ])
      const from = ['--src-tls-verify=false', '--src-creds', login]
      await runSuccessfully(skopeo.file, [
        '--insecure-policy',
        'copy',
        '--all',
        ...from,
        image,
        `oci:${inside('back')}:1`,
      ])
      for (const [digest, content] of layout.contents) {
        const file = path.join(inside('back'), 'blobs/sha256', digest.slice('sha256:'.length))
        expect(await readFile(file), digest).toEqual(content)
      }
    },
  )
})

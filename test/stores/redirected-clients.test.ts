import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { askApi } from '../support/api-call.ts'
import { clouds } from '../support/cloud-stores.ts'
import { runSuccessfully } from '../support/command.ts'
import { makeContainerStorage } from '../support/container-storage.ts'
import { describeWith } from '../support/describe-with.ts'
import { startDockerEngine } from '../support/docker-engine.ts'
import { openRecordingService } from '../support/recording-service.ts'
import { needs } from '../support/require.ts'
import { startServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const { engine, reason } = await startDockerEngine()
const podman = needs({ program: 'podman', package: 'podman' })
const rgw = clouds.find(({ name }) => name === 'RGW')
const folder = makeTemporaryFolder('redirected-clients')
const storage = makeContainerStorage(folder.path)
const timeoutMs = 600_000

afterAll(async () => {
  await engine?.[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

describeWith(
  'clients that are sent to the store',
  [reason, podman.reason, rgw?.missing ?? 'RGW'],
  () => {
    test('docker and podman get layers from there, and never send it their login', async () => {
      if (engine === undefined || rgw === undefined) throw new Error('something is missing')
      await using cloud = await rgw.start()
      // Clients alone come this way: the server asks the service itself.
      await using seen = await openRecordingService(cloud.service.port)
      const { id, properties } = await cloud.newPlace()
      await using server = await startServer()
      await server.createFeed('cloudy')
      const set = await askApi(server.url, {
        ...{ target: '/api/storage?feed=cloudy', headers: { authorization: server.admin } },
        json: {
          id,
          properties: { ...properties, RedirectDownloads: 'true', PublicUrl: seen.url },
        },
      })
      expect(set.status, JSON.stringify(set.body)).toBe(200)
      // Feeds are looked up anew after a second.
      await sleep(1100)
      const { host } = new URL(server.url)
      const image = `${host}/cloudy/team/app:1`
      const layers = [{ one: randomBytes(300_000) }, { two: 'second\n' }]
      await engine.build(image, { layers, main: 'cat /two' })
      const login = ['login', '--username', 'Admin', '--password-stdin', host]
      const { configFolder } = engine
      const done = await engine.run(login, { configFolder, input: server.adminPassword })
      expect(done.code, done.output).toBe(0)
      for (const args of [
        ['push', image],
        ['rmi', '--force', image],
        ['pull', image],
      ]) {
        const result = await engine.docker(...args)
        expect(result.code, result.output).toBe(0)
      }
      const byDocker = seen.requests.splice(0)
      await runSuccessfully(
        podman.file,
        [
          ...['--cgroup-manager', 'cgroupfs', '--events-backend', 'none'],
          ...['--tmpdir', path.join(folder.path, 'tmp'), ...storage.flags, 'pull'],
          ...[...storage.policyFlag, '--tls-verify=false'],
          ...['--creds', `Admin:${server.adminPassword}`, image],
        ],
        { env: storage.env },
      )
      const byPodman = seen.requests.splice(0)
      for (const requests of [byDocker, byPodman]) {
        // Its configuration and layers.
        expect(requests.length).toBeGreaterThanOrEqual(3)
        for (const { method, path: target, headers } of requests) {
          expect(method).toBe('GET')
          expect(target).toMatch(/X-Amz-Signature=/)
          expect(Object.keys(headers)).not.toContain('authorization')
          expect(JSON.stringify(headers)).not.toMatch(/Bearer|Basic/)
        }
      }
    })
  },
  timeoutMs,
)

import { randomBytes } from 'node:crypto'
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectFolder } from '../support/build.ts'
import { makeCertificates } from '../support/certificates.ts'
import { type Cloud, type CloudPlace, clouds } from '../support/cloud-stores.ts'
import { runSuccessfully } from '../support/command.ts'
import { describeWith } from '../support/describe-with.ts'
import { startDockerEngine } from '../support/docker-engine.ts'
import { openDoor } from '../support/door.ts'
import { findPostgres } from '../support/postgres.ts'
import { needs } from '../support/require.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { documentedCommands } from './documented-commands.ts'
import { buildEntrepot, buildNginx, buildPostgres, importBase } from './stand-ins.ts'

const compose = needs({ program: 'docker-compose', package: 'docker-compose' })
const nginx = needs({ program: 'nginx', package: 'nginx', folders: ['/usr/sbin'] })
const curl = needs({ program: 'curl', package: 'curl' })
const openssl = needs({ program: 'openssl', package: 'openssl' })
const postgres = findPostgres()
const rgw = clouds.find(({ name }) => name === 'RGW')
const { engine, reason } = await startDockerEngine({ hasOwnNetwork: true })
const folder = makeTemporaryFolder('compose')
const inside = (...names: string[]) => path.join(folder.path, ...names)
const services = ['postgres', 'entrepot-1', 'entrepot-2', 'nginx']
/** Where containers find the bucket: a port of the engine's network. */
const bucketPort = 9000

afterAll(async () => {
  await engine?.[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

const missing = [compose, nginx, curl, openssl, postgres].map((each) => each.reason)

describeWith(
  'the set-ups for Docker compose',
  [reason, ...missing, rgw?.missing ?? 'RGW'],
  () => {
    beforeAll(async () => {
      if (engine === undefined) return
      mkdirSync(inside('images'))
      const images = { engine, folder: inside('images') }
      await importBase(images)
      await buildEntrepot(images)
      await buildNginx(images, [nginx.file, curl.file])
      await buildPostgres(images, postgres.file)
    }, 600_000)

    test('compose.yaml serves from one volume, which stays', async () => {
      const project = inside('single')
      mkdirSync(project)
      copyFileSync(path.join(projectFolder, 'compose.yaml'), path.join(project, 'compose.yaml'))
      const up = () => run(project, 'up', '--detach')
      await up()
      await untilHealthy(project, 'entrepot')
      const log = await run(project, 'logs', '--no-color', 'entrepot')
      const password = /as Admin with the password (\S+)/.exec(log)?.[1] ?? log
      const host = '127.0.0.1:8624'
      await login(host, password)
      const image = await push(`${host}/main/team/app:1`)
      await pull(image)
      await run(project, 'restart')
      await untilHealthy(project, 'entrepot')
      await pull(image)
      await run(project, 'down')
      await up()
      await untilHealthy(project, 'entrepot')
      await pull(image)
      await takeDown(project)
    })

    test('deploy/cluster serves by two processes from PostgreSQL and a bucket, behind TLS', async () => {
      const project = inside('cluster')
      await using cloud = (await rgw?.start()) as Cloud
      const place = await cloud.newPlace()
      const pid = engine?.pid ?? 0
      await using _door = await openDoor({ pid, port: bucketPort, leadsTo: cloud.service.port })
      const healthy = async () => {
        for (const service of services) await untilHealthy(project, service)
      }
      await startCluster(project, place)
      await healthy()
      const host = '127.0.0.1'
      await login(host, readFileSync(path.join(project, 'secrets/admin-password'), 'utf8').trim())
      const first = await push(`${host}/main/team/app:1`)
      await pull(first)
      // Either will do, and what it has is what the other one has.
      await run(project, 'stop', 'entrepot-1')
      const second = await push(`${host}/main/team/app:2`)
      await pull(first)
      await run(project, 'start', 'entrepot-1')
      await untilHealthy(project, 'entrepot-1')
      await run(project, 'stop', 'entrepot-2')
      for (const image of [first, second]) await pull(image)
      // New containers have other addresses: nginx finds them, as after an upgrade.
      await run(
        project,
        'up',
        '--detach',
        '--force-recreate',
        '--no-deps',
        'entrepot-1',
        'entrepot-2',
      )
      await healthy()
      for (const image of [first, second]) await pull(image)
      await run(project, 'down')
      await run(project, 'up', '--detach')
      await healthy()
      for (const image of [first, second]) await pull(image)
      // All of it is in the bucket, nothing beside a process.
      await using bucket = place.openBucket()
      const page = { prefix: 'blobs/', after: null, count: 100 }
      expect((await bucket.list(page)).length).toBeGreaterThanOrEqual(4)
      // What needs the public name, 127.0.0.1 here, is somewhere else in a container.
      const looked = 'settings,folders,disk,database,stores,blobs,backups'
      for (const service of ['entrepot-1', 'entrepot-2']) {
        const inside = (...command: string[]) => run(project, 'exec', '-T', service, ...command)
        expect(await inside('ls', '/data')).not.toContain('store')
        const report = await inside('entrepot', 'doctor', '--only', looked)
        expect(report).toMatch(/: 0 error, 0 warning, 0 skipped, \d+ ok/)
      }
      await takeDown(project)
    })
  },
  300_000,
)

/** In a copy of the folder, by the commands of the document. */
async function startCluster(project: string, { properties }: CloudPlace): Promise<void> {
  cpSync(path.join(projectFolder, 'deploy/cluster'), project, { recursive: true })
  // A name for this machine; nothing else is changed.
  const hosts = { extra_hosts: ['bucket.example:host-gateway'] }
  const changes = { services: { 'entrepot-1': hosts, 'entrepot-2': hosts } }
  writeFileSync(path.join(project, 'compose.override.yaml'), JSON.stringify(changes))
  mkdirSync(inside('tls'))
  const { certFile, keyFile } = await makeCertificates(inside('tls'))
  const reached = { ...properties, CustomServiceUrl: `http://bucket.example:${bucketPort}` }
  const commands = documentedCommands('Several processes with Docker compose', {
    'https://registry.example.com': 'https://127.0.0.1',
    '/etc/ssl/registry.example.com.crt': certFile,
    '/etc/ssl/registry.example.com.key': keyFile,
    '"BucketName": "images", "RegionEndpoint": "eu-central-1",\n  "AccessKey": "…", "SecretAccessKey": "…"':
      JSON.stringify(reached).slice(1, -1),
    'docker compose': compose.file,
  })
  await runSuccessfully('sh', ['-ec', commands], options(project)).catch(async (cause: Error) => {
    const logs = await run(project, 'logs', '--no-color')
    throw new Error(`${cause.message}\n${logs}`, { cause })
  })
}

function options(project: string) {
  return {
    cwd: project,
    timeoutSeconds: 120,
    env: { ...process.env, DOCKER_HOST: engine?.socket, DOCKER_CONFIG: engine?.configFolder },
  }
}

function run(project: string, ...args: readonly string[]): Promise<string> {
  return runSuccessfully(compose.file, args, options(project))
}

/** Asks what its health check asks, without the pauses. */
async function untilHealthy(project: string, service: string): Promise<void> {
  const id = (await run(project, 'ps', '--quiet', service)).trim()
  const format = '{{json .Config.Healthcheck.Test}}'
  const [, ...check] = JSON.parse(await docker('inspect', '--format', format, id)) as string[]
  for (let tries = 0; tries < 150; tries += 1) {
    if ((await engine?.docker('exec', id, ...check))?.code === 0) return
    await sleep(200)
  }
  throw new Error(`${service} is not healthy:\n${await run(project, 'logs', '--no-color')}`)
}

/** Stopped by what each is told to stop by, it ends well; and nothing is left. */
async function takeDown(project: string): Promise<void> {
  await run(project, 'stop')
  const ids = (await run(project, 'ps', '--quiet')).trim().split('\n')
  const states = await docker('inspect', '--format', '{{.Name}} {{.State.ExitCode}}', ...ids)
  for (const state of states.trim().split('\n')) expect(state).toMatch(/ 0$/)
  await run(project, 'down', '--volumes')
  expect(await docker('ps', '--all', '--quiet')).toBe('')
  expect(await docker('volume', 'ls', '--quiet')).toBe('')
}

async function login(host: string, input: string): Promise<void> {
  const args = ['login', '--username', 'Admin', '--password-stdin', host]
  const result = await engine?.run(args, { input })
  expect(result?.code, result?.output).toBe(0)
}

/** An image of its own, which a bucket gets in several parts. */
async function push(name: string): Promise<string> {
  const layers = [{ text: name }, { data: randomBytes(12e6) }]
  await engine?.build(name, { layers, main: 'cat /text' })
  await docker('push', name)
  return name
}

async function pull(image: string): Promise<void> {
  await docker('rmi', '--force', image)
  await docker('pull', image)
  expect(await docker('run', '--rm', '--network', 'none', image)).toBe(image)
}

async function docker(...args: readonly string[]): Promise<string> {
  const result = await engine?.docker(...args)
  if (result?.code === 0) return result.stdout
  throw new Error(`docker ${args.join(' ')} failed:\n${result?.output.slice(-3000)}`)
}

import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import type { PartCheck } from '../doctor/part-check.ts'
import { RegistryError } from '../domain/errors.ts'
import { openLog } from '../log.ts'
import { healthRoutes } from './health.ts'

async function ask(checks: readonly PartCheck[], ...urls: readonly string[]) {
  const lines: string[] = []
  const log = openLog({ logLevel: 'info' }, { write: (line) => void lines.push(line) })
  await using app = Fastify()
  healthRoutes(app, { checks, version: '1.2.3', log, timeoutSeconds: 0.1 })
  const answers = []
  for (const url of urls) answers.push(await app.inject(url))
  return { answers, log: lines.join('') }
}

const well = async () => {}
const full = async () => {
  throw new RegistryError('UNAVAILABLE', 'The folder is not mounted.')
}

test('says OK as plain text', async () => {
  const { answers } = await ask([{ name: 'database', check: well }], '/health')
  expect(answers[0]?.statusCode).toBe(200)
  expect(answers[0]?.body).toBe('OK')
  expect(answers[0]?.headers['content-type']).toMatch(/^text\/plain/)
})

test('tells versions and states as JSON, at both addresses', async () => {
  const checks: PartCheck[] = [
    { name: 'database', check: well },
    { name: 'storage', check: well },
  ]
  const { answers } = await ask(checks, '/health/json', '/health?format=json')
  for (const answer of answers) {
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual({
      applicationName: 'Entrepot',
      databaseStatus: 'OK',
      databaseStatusDetails: null,
      storageStatus: 'OK',
      storageStatusDetail: null,
      versionNumber: '1.2.3',
      lastBackup: null,
      releaseNumber: '1.2.3',
      serviceStatus: 'OK',
      serviceStatusDetail: null,
      backupWarning: null,
      baseUrlWarning: null,
    })
  }
})

test('a wrong base URL is a warning, and no failure', async () => {
  const log = openLog({ logLevel: 'silent' })
  await using app = Fastify()
  healthRoutes(app, { checks: [], version: '1', log, baseUrlWarning: () => 'It is wrong.' })
  const answer = await app.inject('/health/json')
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toMatchObject({
    serviceStatus: 'OK',
    serviceStatusDetail: null,
    baseUrlWarning: 'It is wrong.',
  })
})

test('a disk without room for pushes is a warning: pulls work', async () => {
  const check = async () => {
    throw new RegistryError('STORAGE_FULL', 'The disk has 1 MiB free.')
  }
  const { answers } = await ask([{ name: 'storage', check }], '/health', '/health/json')
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200])
  expect(answers[1]?.json()).toMatchObject({
    storageStatus: 'OK',
    storageStatusDetail: 'The disk has 1 MiB free.',
    serviceStatus: 'OK',
  })
})

test('a failed check is 500 with the reason, and one line in the log', async () => {
  const checks: PartCheck[] = [
    { name: 'database', check: well },
    { name: 'storage', check: full },
  ]
  const { answers, log } = await ask(checks, '/health', '/health/json')
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([500, 500])
  expect(answers[0]?.body).toBe('storage: The folder is not mounted.')
  expect(answers[1]?.json()).toMatchObject({
    databaseStatus: 'OK',
    storageStatus: 'Error',
    storageStatusDetail: 'The folder is not mounted.',
    serviceStatus: 'Error',
  })
  expect(log.match(/unhealthy/g)).toHaveLength(1)
})

test('what a driver says stays in the log', async () => {
  const check = () => Promise.reject(new Error('password of root@10.1.2.3 is wrong'))
  const { answers, log } = await ask([{ name: 'database', check }], '/health')
  expect(answers[0]?.body).toBe('database: It failed; the log says why.')
  expect(log).toContain('10.1.2.3')
})

test('a check that hangs is a failure, and is not started again and again', async () => {
  let started = 0
  const check = async () => {
    started++
    await sleep(2500)
  }
  const lines: string[] = []
  const log = openLog({ logLevel: 'info' }, { write: (line) => void lines.push(line) })
  await using app = Fastify()
  healthRoutes(app, {
    checks: [{ name: 'database', check }],
    version: '1',
    log,
    timeoutSeconds: 0.1,
  })
  const first = await app.inject('/health')
  expect(first.body).toBe('database: No answer within 0.1 seconds.')
  await sleep(1100)
  expect((await app.inject('/health')).statusCode).toBe(500)
  expect(started).toBe(1)
  await sleep(1500)
  expect((await app.inject('/health')).statusCode).toBe(500)
  expect(started).toBe(2)
})

test('many probes at once make one check', async () => {
  let started = 0
  const check = async () => {
    started++
    await sleep(20)
  }
  const log = openLog({ logLevel: 'silent' })
  await using app = Fastify()
  healthRoutes(app, { checks: [{ name: 'database', check }], version: '1', log })
  const answers = await Promise.all(Array.from({ length: 20 }, () => app.inject('/health')))
  expect(answers.every(({ statusCode }) => statusCode === 200)).toBe(true)
  expect(started).toBe(1)
})

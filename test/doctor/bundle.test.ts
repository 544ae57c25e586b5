import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { openSecrets } from '../../server/administration/place.ts'
import { administrationOf } from '../../server/administration.ts'
import { secretsOf, showSettings } from '../../server/config/shown-settings.ts'
import { openDatabase } from '../../server/db/database.ts'
import { saveStore } from '../../server/db/stores.ts'
import { storeOwner } from '../../server/registry/store-rows.ts'
import { clientOf } from '../support/api-call.ts'
import { image } from '../support/content.ts'
import { pushImage } from '../support/push.ts'
import type { TestServer } from '../support/server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { examine, startPatient } from './stage.ts'

const folder = makeTemporaryFolder('doctor-bundle')
const secretKey = 'a-configured-secret-key-of-forty-letters'
const planted = {
  connector: 'Upstream-Passw0rd',
  odd: 'slash/and+plus=',
  ldap: 'B1nd-Passw0rd!',
  store: 'wJalrXUtnFEMIPlantedSecret',
  accessKey: 'AKIAPLANTEDKEY',
  user: 'pa55word-of-maria',
  signature: 'c2lnbmF0dXJlLW9mLWFuLWFkZHJlc3M',
  accountKey: 'YWNjb3VudC1rZXktb2Ytc29tZWJvZHk',
}
const person = { name: 'maria.muster', displayName: 'Maria Muster', email: 'maria@example.org' }
let server: TestServer
let key = ''
let token = ''

beforeAll(async () => {
  server = await startPatient({ secretKey, baseUrl: 'http://127.0.0.1:1' })
  const client = clientOf(server.url, server.admin)
  await pushImage({ url: server.url, callers: { admin: server.admin } }, 'main/app', image('a'), [
    '1',
  ])
  await call(client, api.securityUsers.add, { body: { ...person, password: planted.user } })
  await call(client, api.connectors.create, {
    body: {
      ...{ name: 'hub', url: 'https://registry.invalid', username: 'robot' },
      password: planted.connector,
    },
  })
  await call(client, api.connectors.create, {
    body: {
      ...{ name: 'odd', url: 'https://registry.invalid', username: 'robot' },
      password: planted.odd,
    },
  })
  await call(client, api.directories.add, {
    body: {
      ...{ name: 'corp', kind: 'ldap', enabled: false, secret: planted.ldap },
      settings: {
        ...{ host: '127.0.0.1', port: 1, userSearchBase: 'dc=example,dc=test' },
        bindDn: 'cn=entrepot,dc=example,dc=test',
      },
    },
  })
  await using db = await openDatabase({ url: server.config.databaseUrl })
  const settings = JSON.stringify({ BucketName: 'images', CustomServiceUrl: 'http://127.0.0.1:1' })
  const encryption = await openSecrets(server.config)
  const secret = JSON.stringify({ SecretAccessKey: planted.store })
  await db.write(saveStore, {
    ...{ type: 's3', settings, options: JSON.stringify({ AccessKey: planted.accessKey }) },
    ...{ secret: encryption.encrypt(secret, storeOwner('s3', settings)), marker: 'a-marker' },
  })
  // As an older version let somebody define one.
  const signed = `https://a.blob.core.windows.net/images?sv=2024-11-04&sig=${planted.signature}`
  await db.write(saveStore, {
    ...{ type: 'azure', settings: JSON.stringify({ ContainerUrl: signed }), options: '{}' },
    ...{ secret: null, marker: 'another-marker' },
  })
  const { keys, jobs } = administrationOf(db, server.config)
  key = (await keys.create({ type: 'system' })).key
  token = await fetchToken()
  const { id } = await jobs.run({ job: 'FeedCleanup', feed: 'main', step: null, dryRun: true })
  // What nobody should write into a log, and somebody may.
  using raw = new DatabaseSync(path.join(server.config.dataDir, 'entrepot.db'))
  const add = raw.prepare('insert into job_log (run_id, at, level, message) values (?, ?, ?, ?)')
  for (const text of [
    `GET https://robot:${planted.connector}@registry.invalid/ by ${person.name}`,
    `Authorization: Bearer ${token}`,
    `${person.email} pushed with api_key=${key}`,
    `bind as cn=entrepot with ${planted.ldap}; ${planted.accessKey} signs with ${planted.store}`,
    `AccountName=a;AccountKey=${planted.accountKey}; ${encodeURIComponent(planted.odd)}`,
    `it was ${person.displayName}, with the secret key ${secretKey}`,
  ]) {
    add.run(id, Date.now(), 'error', text)
  }
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

async function fetchToken(): Promise<string> {
  const answer = await fetch(`${server.url}/v2/_auth`, { headers: { authorization: server.admin } })
  return ((await answer.json()) as { token: string }).token
}

test('has what helps, and none of the secrets and persons that were planted', async () => {
  const bundle = path.join(folder.path, 'bundle.tar.gz')
  await examine(server, { bundle })
  expect(statSync(bundle).mode & 0o777).toBe(0o600)
  const listed = execFileSync('tar', ['tzf', bundle], { encoding: 'utf8' }).trim().split('\n')
  expect(listed.map((name) => name.replace('entrepot-bundle/', '')).sort()).toEqual([
    ...['README.txt', 'database.json', 'jobs.json', 'registries.json', 'report.json'],
    ...['schema.txt', 'server-settings.json', 'settings.json', 'stores.json', 'versions.json'],
  ])
  const text = gunzipSync(readFileSync(bundle)).toString('utf8')
  const hidden = {
    ...planted,
    odd: encodeURIComponent(planted.odd),
    ...person,
    ...{ key, token, secretKey, adminPassword: server.adminPassword },
    hash: '"password_hash":"scrypt',
  }
  for (const [name, secret] of Object.entries(hidden)) {
    expect(secret.length, name).toBeGreaterThan(5)
    expect(text.includes(secret), name).toBe(false)
  }
  for (const kept of [
    'FeedCleanup',
    '"blobs": ',
    '012-backups',
    'CREATE TABLE',
    '"entrepot": "',
    'registry.invalid',
  ]) {
    expect(text.toLowerCase(), kept).toContain(kept.toLowerCase())
  }
  await expect(examine(server, { bundle, only: ['disk'] })).rejects.toThrow(/cannot be written/)
})

test('shows a database by its address, without its password', () => {
  const { config } = server
  const databaseUrl = 'postgres://robot:p%40ss-word@db.example:5432/entrepot?sslpassword=letmein'
  const shown = JSON.stringify(showSettings({ ...config, databaseUrl }))
  expect(shown).toContain('postgres://robot:hidden@db.example:5432/entrepot')
  expect(shown).not.toMatch(/p%40ss-word|p@ss-word|letmein/)
  expect(secretsOf({ ...config, databaseUrl })).toEqual(
    expect.arrayContaining(['p%40ss-word', 'p@ss-word', secretKey]),
  )
})

test('shows that the bucket of backups has credentials, and not which', () => {
  const { config } = server
  const credentials = { accessKeyId: 'the-access-key', secretAccessKey: 'the-secret-of-it' }
  const backup = { ...config.backup, s3: { ...config.backup.s3, credentials } }
  const shown = JSON.stringify(showSettings({ ...config, backup }))
  expect(shown).toContain('"credentials":"set, not shown"')
  expect(shown).not.toMatch(/the-access-key|the-secret-of-it/)
  expect(secretsOf({ ...config, backup })).toEqual(
    expect.arrayContaining(['the-access-key', 'the-secret-of-it']),
  )
})

import { setTimeout as sleep } from 'node:timers/promises'
import { api } from '../../../contract/api.ts'
import { call } from '../../../contract/call.ts'
import { clientOf } from '../../support/api-call.ts'
import { makeDemoImages } from '../../support/demo-images.ts'
import { pushImage, pushManifest } from '../../support/push.ts'
import type { TestServer } from '../../support/server.ts'

const password = 'a long enough password'
const users = [
  ['ana', 'Ana Sousa', ['developers', 'release managers']],
  ['bruno', 'Bruno Lang', ['developers']],
  ['ci-of-the-payment-team', 'Build server of the payment team', ['build servers']],
  ['chidi', 'Chidi Okafor', []],
  ['wilhelmine.von-und-zu-hohenstein', 'Wilhelmine von und zu Hohenstein', ['auditors']],
] as const

/** A company's worth of who may do what. */
export async function seed(server: TestServer): Promise<void> {
  const client = clientOf(server.url, server.admin)
  // What is pushed from now on may go at once.
  const grace = { name: 'Cleanup.GraceSeconds', value: '0' }
  await call(client, api.settings.set, { query: grace })
  await server.createFeed('public', { description: 'Images that anybody may pull.' })
  await server.createFeed('payment', { description: 'Of the payment team.' })
  for (const name of ['developers', 'release managers', 'build servers', 'auditors']) {
    const description = `All ${name} of the company.`
    await call(client, api.securityGroups.add, { body: { name, description } })
  }
  for (const [name, displayName, groups] of users) {
    const email = `${name}@example.org`
    const body = { name, displayName, email, password, groups: [...groups] }
    await call(client, api.securityUsers.add, { body })
  }
  for (const body of [
    { group: 'developers', task: 'Publish Packages', feed: 'main' },
    { group: 'developers', task: 'View & Download Packages' },
    { user: 'Everyone', task: 'View & Download Packages', feed: 'public' },
    { group: 'build servers', task: 'Publish Packages', feed: 'main', repositories: 'payment/**' },
    { user: 'ana', task: 'Publish Packages', feed: 'main', repositories: 'legacy/*', deny: true },
  ]) {
    await call(client, api.securityPermissions.add, { body })
  }
  for (const body of [
    {
      type: 'feed',
      feed: 'main',
      displayName: 'CI of team app',
      packagePermissions: ['view', 'add'],
    },
    { type: 'system', displayName: 'Nightly backup', systemApis: ['full-control'] },
    { type: 'personal', displayName: 'My laptop', expiration: '2030-01-01' },
  ] as const) {
    const { ...copy } = body
    await call(client, api.apiKeys.create, { body: JSON.parse(JSON.stringify(copy)) })
  }
}

/** An application for two platforms, signed, with an SBOM, in two versions. */
export async function seedImages({ url, admin }: TestServer): Promise<void> {
  const demo = await makeDemoImages()
  const table = { url, callers: { admin } }
  await pushImage(table, 'main/team/app', demo.older, ['1.3', '1.4'])
  for (const one of [demo.newer, demo.arm]) await pushImage(table, 'main/team/app', one)
  for (const tag of ['1.4', 'latest']) {
    await pushManifest(table, 'main/team/app', demo.index, tag)
  }
  for (const one of [demo.signature, demo.sbom]) await pushImage(table, 'main/team/app', one)
  await pushImage(table, 'main/other', demo.older, ['1'])
}

/** A registry that is nearly full. */
export async function seedQuota({ url, admin }: TestServer): Promise<void> {
  const client = clientOf(url, admin)
  const { older } = await makeDemoImages()
  await pushImage({ url, callers: { admin } }, 'payment/api', older, ['1.3'])
  const sizes = [older.manifest, ...older.blobs].map(({ bytes }) => bytes.byteLength)
  const quotaBytes = Math.round(sizes.reduce((sum, size) => sum + size) / 0.87)
  await call(client, api.feeds.update, { params: { name: 'payment' }, body: { quotaBytes } })
}

/** Rules of a registry, and a run of its clean-up that says what they would take. */
export async function seedCleanUp({ url, admin }: TestServer): Promise<void> {
  const client = clientOf(url, admin)
  const query = { feed: 'main' }
  for (const body of [
    { tags: ['pr-*', 'snapshot-*'], notPulledForDays: 30, fewerPullsThan: 5 },
    { repositories: ['team/**'], tags: ['*'], keepNewest: { count: 1, by: 'pushed' as const } },
    { deletes: 'untagged' as const, pushedBeforeDays: 14, enabled: false },
  ]) {
    await call(client, api.retention.create, { query, body })
  }
  const { run } = await call(client, api.jobs.run, {
    query: { job: 'FeedCleanup', ...query, dryRun: 'true' },
  })
  for (;;) {
    const runs = await call(client, api.jobs.runs, { query })
    if (runs.some((one) => one.run === run && one.endedAt !== null)) return
    await sleep(100)
  }
}

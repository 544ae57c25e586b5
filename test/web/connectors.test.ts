import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { shortDigest } from '../../web/reference.ts'
import { puller } from '../connectors/stage.ts'
import { clientOf } from '../support/api-call.ts'
import { image } from '../support/content.ts'
import { describePages, expectAccessible, tabTo, usePages } from '../support/pages.ts'
import { addPerson, type Person, tasks, untilRulesAreNew } from '../support/people.ts'
import { pushImage, pushManifest } from '../support/push.ts'
import { startServer, type TestServer } from '../support/server.ts'

describePages('connectors', () => {
  const first = image('first')
  const second = image('second')
  const pages = usePages(async (server) => {
    await server.createFeed('spare')
  })
  let upstream: TestServer
  let readerLogin: { userName: string; password: string } | undefined
  beforeAll(async () => {
    upstream = await startServer()
    await pushImage(theirs(), 'main/team/app', first, ['1', 'latest'])
  }, 120_000)
  afterAll(async () => upstream?.[Symbol.asyncDispose]())

  const theirs = () => ({ url: upstream.url, callers: { admin: upstream.admin } })
  const admin = () => clientOf(pages.server().url, pages.server().admin)
  const pull = async (name: string) => {
    const get = puller(pages.server())
    const answer = await get('GET', `/v2/${name}`)
    expect(answer.status).toBe(200)
  }
  const loginOf = ({ name: userName, password }: Person) => ({ userName, password })
  const tagRow = (page: Page, tag: string) =>
    page.getByRole('row').filter({ has: page.getByRole('link', { name: tag, exact: true }) })
  const refresh = async (page: Page, tag: string) => {
    await page.getByRole('button', { name: `Actions for ${tag}` }).click()
    await page.getByRole('menuitem', { name: 'Refresh from other' }).click()
  }

  test('a connector is made, tested and mended, and its password stays', async () => {
    pages.expectComplaint(/422/)
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/connectors')
    await page.getByRole('heading', { name: 'No connector yet' }).waitFor()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'New connector' }).click()
    const form = page.getByRole('dialog', { name: 'New connector' })
    await form.getByLabel('Name', { exact: true }).fill('other')
    const url = form.getByLabel('URL', { exact: true })
    await url.fill('https://docker.io')
    expect(await form.getByLabel(/^Look for names without a slash/).isChecked()).toBe(true)
    await form.getByText('auth.docker.io').waitFor()
    await url.fill('other.example.com/v2')
    expect(await form.getByLabel(/^Look for names without a slash/).isChecked()).toBe(false)
    await form.getByRole('button', { name: 'Add the connector' }).click()
    await form.getByText(/is no URL that begins with https/).waitFor()
    await expectAccessible(page)
    await url.fill(`${upstream.url}/main`)
    await form.getByLabel('User name (optional)').fill('Admin')
    await form.getByLabel('Password or token').fill(upstream.adminPassword)
    await form.getByRole('button', { name: 'Add the connector' }).click()
    await form.waitFor({ state: 'hidden' })
    await page.getByRole('cell', { name: `${upstream.url}/main` }).waitFor()

    await page.getByRole('button', { name: 'Test other' }).click()
    const trial = page.getByRole('dialog', { name: 'Test other' })
    await trial.getByRole('button', { name: 'Test it' }).click()
    await trial.getByText(/^It failed before it was called/).waitFor()
    await expectAccessible(page)
    await page.keyboard.press('Escape')
    await trial.waitFor({ state: 'hidden' })

    await page.getByRole('button', { name: 'other', exact: true }).click()
    const edit = page.getByRole('dialog', { name: 'The connector other' })
    await edit.getByText(/There is one. Empty: it stays/).waitFor()
    await edit.getByLabel('Its address may be a private one').click({ force: true })
    await edit.getByRole('button', { name: 'Save' }).click()
    await edit.waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: 'Test other' }).click()
    await trial.getByLabel('Repository (optional)').fill('team/app')
    await page.keyboard.press('Enter')
    await trial.getByText(/answers, and has team\/app/).waitFor()
    await trial.getByLabel('Repository (optional)').fill('team/none')
    await page.keyboard.press('Enter')
    await trial.getByText(/does not know team\/none/).waitFor()
    await expectAccessible(page)
  })

  test('a registry asks connectors in an order that the keyboard changes', async () => {
    const body = { name: 'from-spare', feed: 'spare' }
    await call(admin(), api.connectors.create, { body })
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main?tab=connectors')
    await page.getByText('It asks none: only what was pushed here is here.').waitFor()
    await expectAccessible(page)
    for (const name of ['from-spare', 'other']) {
      await page.getByRole('combobox', { name: 'Another connector' }).click()
      await page.getByRole('option', { name, exact: true }).click()
      await page.getByRole('button', { name: 'Ask it too' }).click()
      await page.getByRole('cell', { name, exact: true }).waitFor()
    }
    const asked = async () =>
      (await call(admin(), api.feeds.get, { params: { name: 'main' } })).connectors
    await expect.poll(asked).toEqual(['from-spare', 'other'])
    const up = page.getByRole('button', { name: 'Move other up' })
    await tabTo(page, up)
    await page.keyboard.press('Enter')
    await expect.poll(asked).toEqual(['other', 'from-spare'])
    await page.getByText('other is number 1 of 2 now.').waitFor({ state: 'attached' })
    // The key that cannot move it further is still there to be pressed.
    expect(await up.evaluate((element) => element === document.activeElement)).toBe(true)
    await page.keyboard.press('Enter')
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Remove from-spare' }).click()
    await expect.poll(asked).toEqual(['other'])
    await page.goto('/administration/connectors')
    await page
      .getByRole('row', { name: /^other / })
      .getByRole('link', { name: 'main' })
      .waitFor()
    await expectAccessible(page)
  })

  test('what came through one is shown so, and refreshed', async () => {
    await pull('main/team/app/manifests/1')
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main/team/app')
    await tagRow(page, '1')
      .getByText(/cached from other, checked/)
      .waitFor()
    // Only its manifest was pulled: nobody knows yet what it runs on.
    expect(
      await tagRow(page, '1')
        .getByText(/vnd\.oci\.image\.config/)
        .count(),
    ).toBe(0)
    await refresh(page, '1')
    await page.getByText('1 is up to date: it points where it did.').waitFor()
    await expectAccessible(page)
    await pushImage(theirs(), 'main/team/app', second)
    await pushManifest(theirs(), 'main/team/app', second.manifest, '1')

    await page.getByRole('link', { name: '1', exact: true }).click()
    await page.getByText(/cached from other, checked/).waitFor()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Refresh from other' }).click()
    const [from, to] = [first, second].map(({ manifest }) => shortDigest(manifest.digest))
    await page.getByText(`1 moved from ${from} to ${to}.`).waitFor()
    await page.getByText(second.manifest.digest).first().waitFor()
  })

  test('who may not sees neither Refresh nor what changes connectors', async () => {
    const server = pages.server()
    const reader = await addPerson(server, 'reader', { task: tasks.view, feed: 'main' })
    const manager = await addPerson(server, 'manager', { task: tasks.manage, feed: 'main' })
    await untilRulesAreNew()
    const one = await pages.visit()
    readerLogin = loginOf(reader)
    await one.openSignedIn('/containers/main/team/app', readerLogin)
    await tagRow(one.page, '1')
      .getByText(/cached from other/)
      .waitFor()
    await one.page.getByRole('button', { name: 'Actions for 1' }).click()
    await one.page.getByRole('menuitem', { name: 'History' }).waitFor()
    expect(await one.page.getByRole('menuitem', { name: /Refresh/ }).count()).toBe(0)

    const two = await pages.visit()
    await two.openSignedIn('/containers/main?tab=connectors', loginOf(manager))
    await two.page.getByRole('cell', { name: 'other', exact: true }).waitFor()
    expect(await two.page.getByRole('button', { name: /Remove|Move|Ask it|mirror/ }).count()).toBe(
      0,
    )
    await two.page.getByText('It is no mirror.').waitFor()
    await expectAccessible(two.page)
    const keep = two.page.getByLabel('Keep what is pulled through connectors')
    await keep.click({ force: true })
    const keeps = async () =>
      (await call(admin(), api.feeds.get, { params: { name: 'main' } })).cacheConnectors
    await expect.poll(keeps).toBe(false)
    await expect.poll(() => keep.isEnabled()).toBe(true)
    await keep.click({ force: true })
    await expect.poll(keeps).toBe(true)
  })

  test('a mirror’s set-up is written with this server’s address', async () => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main?tab=connectors')
    await page.getByLabel('Mirror of').fill('docker.io')
    await page.getByRole('button', { name: 'Save the mirror settings' }).click()
    await page.getByText('The mirror settings of main are saved.').waitFor()
    await page.getByRole('link', { name: 'How clients are told' }).click()
    const { url } = pages.server()
    const { host } = new URL(url)
    await page.getByText(`[host."${url}"]`).waitFor()
    await expectAccessible(page)
    await page.getByRole('tab', { name: /registries.conf/ }).click()
    await page.getByText(`location = "${host}/main"`).waitFor()
    await expectAccessible(page)
    await page.getByRole('tab', { name: /daemon.json/ }).click()
    await page.getByText(/only the default mirror of this server can serve it/).waitFor()
    await page.goto('/containers/main?tab=connectors')
    await page.getByLabel('Default mirror').click({ force: true })
    await page.getByRole('button', { name: 'Save the mirror settings' }).click()
    await page.getByText('The mirror settings of main are saved.').waitFor()
    await page.goto('/containers/main?tab=setup')
    await page.getByRole('tab', { name: /daemon.json/ }).click()
    await page.getByText(`"${url}"`).waitFor()
    await expectAccessible(page)
    // As docker asks, and as containerd does.
    await expect
      .poll(async () => (await puller(pages.server())('GET', '/v2/team/app/manifests/1')).status)
      .toBe(200)
    await pull('team/app/manifests/1?ns=docker.io')
  })

  test('while the other registry is away, what is cached says so', async () => {
    pages.expectComplaint(/502/)
    await upstream[Symbol.asyncDispose]()
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/main/team/app')
    await tagRow(page, '1').waitFor()
    await refresh(page, '1')
    await page
      .getByRole('alert')
      .getByText(/The connector other failed/)
      .waitFor()
    await tagRow(page, '1')
      .getByText(/It may be out of date: its check failed/)
      .waitFor()
    await expectAccessible(page)
    await page.goto('/administration/connectors')
    const reading = await pages.visit()
    await reading.openSignedIn('/containers/main/team/app:1', readerLogin)
    await reading.page.getByText(/It may be out of date: its check failed/).waitFor()
    expect(await reading.page.getByRole('button', { name: /^Refresh/ }).count()).toBe(0)
    await expectAccessible(reading.page)
    const row = page.getByRole('row', { name: /^other / })
    await row.getByText('failed', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Test other' }).click()
    const trial = page.getByRole('dialog', { name: 'Test other' })
    await trial.getByRole('button', { name: 'Test it' }).click()
    await trial.getByText(/^It failed opening a connection/).waitFor()
    await page.keyboard.press('Escape')
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Delete the connector other' }).click()
    const confirm = page.getByRole('dialog', { name: 'Delete the connector other?' })
    await confirm.getByText(/^main asks it, and will no more/).waitFor()
    await expectAccessible(page)
    await confirm.getByRole('button', { name: 'Delete', exact: true }).click()
    await row.waitFor({ state: 'hidden' })
    await page.goto('/containers/main/team/app')
    await tagRow(page, '1')
      .getByText('cached from a connector that is deleted: never checked again')
      .waitFor()
  })
})

import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { image } from '../support/content.ts'
import { describePages, expectAccessible, tabTo, usePages } from '../support/pages.ts'
import { pushImage } from '../support/push.ts'
import { basic, send } from '../support/wire.ts'

const password = 'a long enough password'
const pollOptions = { timeout: 60_000, interval: 1000 }

describePages('the pages of administration', () => {
  const pages = usePages(async (server) => {
    await server.createFeed('secret')
  })
  const admin = () => clientOf(pages.server().url, pages.server().admin)
  const addUser = (name: string) =>
    call(admin(), api.securityUsers.add, { body: { name, password } })

  const choose = async (page: Page, label: string, option: string) => {
    await page.getByRole('combobox', { name: label, exact: true }).fill(option)
    await page.getByRole('option', { name: option, exact: true }).click()
  }

  test.for([
    ['users', 'Users', 'Admin'],
    ['groups', 'Groups', 'No group yet'],
    ['feed-groups', 'Feed groups', 'No feed group yet'],
    ['tasks', 'Tasks', 'Publish Packages'],
    ['permissions', 'Permissions', 'Administer'],
    ['api-keys', 'API keys', 'No API key yet'],
    ['directories', 'Directories', 'No directory yet'],
    ['connectors', 'Connectors', 'No connector yet'],
    ['settings', 'Settings', 'Web.BaseUrl'],
    ['audit', 'Audit', 'session.begun'],
    ['health', 'Health', 'What a client sees'],
  ] as const)('%s: open it, and everybody can use it', async ([address, heading, content]) => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn(`/administration/${address}`)
    await page.getByRole('heading', { name: heading, exact: true }).waitFor()
    await page.getByText(content).first().waitFor()
    await expectAccessible(page)
  })

  test('who is no administrator finds no administration', async () => {
    await addUser('plain')
    pages.expectComplaint(/403/)
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/account', { userName: 'plain', password })
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    expect(await page.getByRole('link', { name: 'Administration' }).count()).toBe(0)
    await page.goto('/administration/users')
    await page.getByRole('alert').getByText('You may not do this').waitFor()
    await expectAccessible(page)
  })

  test('a new user, a problem with it in words, a change, and its deletion', async () => {
    pages.expectComplaint(/409 .*users\/add/)
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/users')
    await page.getByRole('button', { name: 'New user' }).click()
    const dialog = page.getByRole('dialog', { name: 'New user' })
    await dialog.getByLabel('User name').fill('Admin')
    await dialog.getByLabel('Password', { exact: true }).fill(password)
    await dialog.getByRole('button', { name: 'Add the user' }).click()
    await dialog.getByText(/already|taken|exists|There is a user/i).waitFor()
    await expectAccessible(page)
    await dialog.getByLabel('User name').fill('ana')
    await dialog.getByRole('button', { name: 'Add the user' }).click()
    await dialog.waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: 'ana', exact: true }).click()
    const edit = page.getByRole('dialog', { name: 'The user ana' })
    await edit.getByLabel('Display name').fill('Ana Sousa')
    await edit.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Ana Sousa').waitFor()
    await page.getByLabel('Filter users').fill('sousa')
    await page.getByRole('button', { name: 'Admin', exact: true }).waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: 'Delete the user ana' }).click()
    await expectAccessible(page)
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByText('No such user').waitFor()
  })

  test('a right that is given shows in what the user may, and takes effect for the user', async () => {
    pages.expectComplaint(/404/)
    await addUser('bruno')
    const user = await pages.visit()
    await user.openSignedIn('/containers', { userName: 'bruno', password })
    await user.page.getByText('No registry is for you yet').waitFor()

    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/permissions')
    await page.getByRole('button', { name: 'New permission' }).click()
    const dialog = page.getByRole('dialog', { name: 'New permission' })
    await dialog.getByText('A user').click()
    await choose(page, 'User', 'bruno')
    await choose(page, 'Task', 'Publish Packages')
    await dialog.getByText('In a registry').click()
    await choose(page, 'Registry', 'secret')
    await expectAccessible(page)
    await dialog.getByRole('button', { name: 'Add the permission' }).click()
    await dialog.waitFor({ state: 'hidden' })
    const row = page.getByRole('row', { name: /bruno/ })
    expect(await row.textContent()).toContain('secret')

    await page.goto('/administration/permissions?tab=rights&user=bruno&feed=secret')
    const right = page.getByRole('row', { name: /Feeds_AddPackage/ })
    await right.getByText(/Number \d+: the user bruno may Publish Packages in secret/).waitFor()
    await expectAccessible(page)
    // Without a reload: the page asks again by itself.
    await user.page.getByRole('link', { name: 'secret' }).waitFor()

    await page.goto('/administration/permissions')
    await row.getByRole('button', { name: /Delete/ }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await user.page.getByText('No registry is for you yet').waitFor()
  })

  test('a key that is made can push, and no more once it is switched off', async () => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/api-keys')
    await page.getByRole('button', { name: 'New API key' }).click()
    const dialog = page.getByRole('dialog', { name: 'New API key' })
    await dialog.getByLabel('Name', { exact: true }).fill('CI of the test')
    await choose(page, 'Registry', 'secret')
    await dialog.getByLabel('Push').check()
    await dialog.getByRole('button', { name: 'Make the key' }).click()
    const shown = page.getByRole('dialog', { name: 'The key CI of the test' })
    const key = (await shown.locator('pre').first().textContent())?.trim() ?? ''
    await expectAccessible(page)
    const table = { url: pages.server().url, callers: { admin: basic('api', key) } }
    await pushImage(table, 'secret/pushed', image('pushed with a key'), ['1'])
    const push = async () => {
      const answer = await send(pages.server().url, {
        method: 'POST',
        target: '/v2/secret/app/blobs/uploads/',
        headers: { authorization: basic('api', key) },
      })
      return answer.status
    }
    expect(await push()).toBe(202)
    await shown.getByRole('button', { name: 'I have copied it' }).click()
    await expectAccessible(page)
    await page.getByLabel('CI of the test is switched on').click({ force: true })
    await expect.poll(push, { timeout: 20_000 }).toBe(401)
    await page.getByRole('button', { name: 'Delete the key CI of the test' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByText('No API key yet').waitFor()
  })

  test('what a key is used for is listed once somebody wants it, by keyboard alone', async () => {
    const { id, authorization } = await pages.server().createKey('secret')
    const ask = async () => {
      const headers = { authorization }
      await send(pages.server().url, { method: 'GET', target: '/v2/secret/app/tags/list', headers })
    }
    await ask()
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/api-keys')
    await tabTo(page, page.getByRole('button', { name: `Requests of Key ${id}` }))
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: `Requests of Key ${id}` })
    await dialog.getByText('None is kept.').waitFor()
    await tabTo(page, dialog.getByLabel('Keep a list of its requests'))
    await page.keyboard.press('Space')
    await dialog.getByText(/None since the list is kept|was not used yet/).waitFor()
    await expectAccessible(page)
    // Every process learns of the change within a second.
    const rows = dialog.getByRole('row', { name: /GET \/v2\/secret\/app\/tags\/list 404/ })
    await expect
      .poll(async () => {
        await ask()
        return await rows.count()
      }, pollOptions)
      .toBeGreaterThan(0)
    await expectAccessible(page)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    await pages.server().revokeKey(id)
  })

  test('users make personal keys of their own', async () => {
    await addUser('chidi')
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/account', { userName: 'chidi', password })
    await page.getByRole('button', { name: 'New API key' }).click()
    await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('laptop')
    await page.getByRole('button', { name: 'Make the key' }).click()
    const shown = page.getByRole('dialog', { name: 'The key laptop' })
    const key = (await shown.locator('pre').first().textContent())?.trim() ?? ''
    await shown.getByRole('button', { name: 'I have copied it' }).click()
    await page.getByRole('row', { name: /laptop/ }).waitFor()
    await expectAccessible(page)
    const who = await call(
      { baseUrl: pages.server().url, headers: { 'x-apikey': key } },
      api.sessions.whoami,
    )
    expect(who).toMatchObject({ kind: 'key', user: null })
  })

  test('a setting is changed, and a wrong value is told below its field', async () => {
    pages.expectComplaint(/422/)
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/settings')
    const field = page.getByLabel('Audit.RetentionDays', { exact: true })
    const form = page.locator('form', { has: field })
    await field.fill('0')
    await form.getByRole('button', { name: 'Save' }).click()
    await form.getByText(/from 1 to/).waitFor()
    await expectAccessible(page)
    await field.fill('30')
    await form.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Audit.RetentionDays is set.').waitFor()
    const [found] = await call(admin(), api.settings.list)
    expect(found).toMatchObject({ name: 'Audit.RetentionDays', value: '30' })
    await form.getByRole('button', { name: 'Default' }).click()
    await expect.poll(() => field.inputValue(), { timeout: 20_000 }).toBe('400')
  })

  test('an address that ends the session is named before it is saved, by keyboard alone', async () => {
    pages.expectComplaint(/401/)
    const address = 'https://registry.example.test'
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/settings')
    const field = page.getByLabel('Web.BaseUrl', { exact: true })
    const save = page.locator('form', { has: field }).getByRole('button', { name: 'Save' })
    await tabTo(page, field)
    await page.keyboard.type(address)
    await tabTo(page, save)
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: `Move this server to ${address}?` })
    await dialog.getByText('Your session ends at once').waitFor()
    await expectAccessible(page)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    const stored = async () =>
      (await call(admin(), api.settings.list)).find(({ name }) => name === 'Web.BaseUrl')?.value
    expect(await stored()).toBeUndefined()

    await tabTo(page, save)
    await page.keyboard.press('Enter')
    await tabTo(page, dialog.getByRole('button', { name: 'Save, and sign me out' }))
    await page.keyboard.press('Enter')
    await page.waitForURL(({ pathname }) => pathname === '/sign-in')
    expect(await stored()).toBe(address)
    await call(admin(), api.settings.set, { query: { name: 'Web.BaseUrl' } })
  })
})

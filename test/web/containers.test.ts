import { describe, expect, test } from 'vitest'
import { image } from '../support/content.ts'
import { chromium, expectAccessible, usePages } from '../support/pages.ts'
import { addPerson } from '../support/people.ts'
import { pushImage } from '../support/push.ts'

describe.skipIf(chromium.skip)(`registries ${chromium.reason}`, { timeout: 300_000 }, () => {
  const pages = usePages(async (server) => {
    await server.createFeed('shop')
  })
  const table = () => ({ url: pages.server().url, callers: { admin: pages.server().admin } })

  test('a registry is made, its first push appears without reloading, then its page is full', async () => {
    const { page, openSignedIn } = await pages.visit()
    pages.expectComplaint(/422|409/)
    await openSignedIn('/containers')
    await page.getByRole('button', { name: 'New registry' }).click()
    const dialog = page.getByRole('dialog', { name: 'New registry' })
    await expectAccessible(page)
    await dialog.getByLabel('Name', { exact: true }).fill('Not A Name!')
    await dialog.getByRole('button', { name: 'Create the registry' }).click()
    // The server's words, below the field.
    await dialog.getByLabel('Name', { exact: true }).and(page.locator('[aria-invalid]')).waitFor()
    await dialog.getByLabel('Name', { exact: true }).fill('new-one')
    await dialog.getByLabel('Description (optional)').fill('Made by hand')
    await dialog.getByRole('button', { name: 'Create the registry' }).click()
    await page.waitForURL('**/containers/new-one')
    await page.getByRole('heading', { name: 'Push the first image to new-one' }).waitFor()
    const host = new URL(pages.server().url).host
    await page.getByText(`docker push ${host}/new-one/my-app:1.0`).waitFor()
    await expectAccessible(page)
    await page.evaluate('globalThis.notReloaded = true')
    await pushImage(table(), 'new-one/my-app', image('first'), ['1.0'])
    await page.getByRole('link', { name: 'my-app' }).waitFor()
    expect(await page.evaluate('globalThis.notReloaded')).toBe(true)
    await expectAccessible(page)
    await page.getByRole('link', { name: 'my-app' }).click()
    await page.getByRole('link', { name: '1.0', exact: true }).first().waitFor()
  })

  test('search over everything finds repositories and tags, and says what it takes', async () => {
    await pushImage(table(), 'shop/team/basket', image('basket'), ['2.71'])
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers')
    const field = page.getByRole('searchbox')
    await field.fill('basket')
    const repositories = page.getByRole('region', { name: 'Repositories' })
    await repositories.getByRole('link', { name: 'shop/team/basket' }).waitFor()
    await page.waitForURL('**/containers?search=basket')
    await expectAccessible(page)
    // As it stands in the address, and not as the number 2.7.
    await page.goto('/containers?search=2.70')
    await page.getByRole('heading', { name: 'Nothing is called "2.70"' }).waitFor()
    await field.fill('2.71')
    await page.getByRole('region', { name: 'Tags' }).getByRole('link').click()
    await page.waitForURL('**/containers/shop/team/basket:2.71')
  })

  test('the palette finds a pasted reference', async () => {
    await pushImage(table(), 'shop/team/palette', image('palette'), ['3.10'])
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers')
    await page.getByRole('heading', { name: 'Containers' }).waitFor()
    await page.keyboard.press('/')
    await page.getByRole('dialog', { name: 'Search' }).waitFor()
    const host = new URL(pages.server().url).host
    await page.keyboard.insertText(`docker pull ${host}/shop/team/palette:3.10`)
    await page.getByRole('button', { name: 'shop/team/palette:3.10' }).waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL('**/containers/shop/team/palette:3.10')
  })

  test('who is let in sees it, and nothing else', async () => {
    const ana = await addPerson(pages.server(), 'ana')
    await pushImage(table(), 'shop/for-ana', image('ana'), ['1'])
    const visitor = await pages.visit()
    await visitor.openSignedIn('/containers', { userName: ana.name, password: ana.password })
    await visitor.page.getByRole('heading', { name: 'No registry is for you yet' }).waitFor()
    await expectAccessible(visitor.page)

    const admin = await pages.visit()
    await admin.openSignedIn('/containers/shop?tab=permissions')
    await admin.page.getByRole('heading', { name: 'Rules that count here' }).waitFor()
    await expectAccessible(admin.page)
    await admin.page.getByRole('combobox', { name: 'Who' }).fill('an')
    await admin.page.getByRole('option', { name: 'ana' }).click()
    await admin.page.getByRole('button', { name: 'Add the permission' }).click()
    const row = admin.page.getByRole('row', { name: /ana View & Download Packages/ })
    await row.getByText(/this registry, rule \d+/).waitFor()

    await visitor.page.getByRole('link', { name: 'shop' }).click()
    await visitor.page.getByRole('link', { name: 'for-ana' }).click()
    await visitor.page.getByRole('link', { name: '1', exact: true }).waitFor()
    // To look, not to delete.
    await visitor.page.getByRole('button', { name: 'Compare' }).waitFor()
    expect(await visitor.page.getByRole('button', { name: 'Delete…' }).count()).toBe(0)
    expect(await visitor.page.getByRole('tab', { name: 'Danger zone' }).count()).toBe(0)

    await row.getByRole('button', { name: /Take away/ }).click()
    await row.waitFor({ state: 'detached' })
    pages.expectComplaint(/404/)
    await visitor.page.goto('/containers/shop/for-ana')
    await visitor.page.getByRole('alert').getByText('There is no such thing here').waitFor()
  })

  test('properties are changed, a new name leads to its new address', async () => {
    await pages.server().createFeed('old-name')
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/old-name?tab=properties')
    await page.getByLabel('Name', { exact: true }).fill('newer-name')
    await page.getByLabel('Description').fill('What it is for')
    await page.getByText('The push is refused: tags never move').click()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Save the properties' }).click()
    await page.waitForURL('**/containers/newer-name?tab=properties')
    await page.reload()
    await page.getByLabel('Description').waitFor()
    expect(await page.getByLabel('Description').inputValue()).toBe('What it is for')
    expect(await page.getByLabel(/tags never move/).isChecked()).toBe(true)
  })

  test('a registry is deleted after its name was typed', async () => {
    await pages.server().createFeed('to-go')
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers/to-go?tab=danger')
    await page.getByRole('button', { name: 'Delete the registry…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Delete the registry to-go?' })
    const button = dialog.getByRole('button', { name: 'Delete the registry' })
    await expectAccessible(page)
    expect(await button.isDisabled()).toBe(true)
    await dialog.getByLabel('Type to-go to confirm').fill('to-go')
    await button.click()
    await page.waitForURL('**/containers')
    await page.getByRole('link', { name: 'shop' }).waitFor()
    await page.getByRole('link', { name: 'to-go' }).waitFor({ state: 'detached' })
  })
})

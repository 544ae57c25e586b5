import { expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { describePages, expectAccessible, tabTo, usePages } from '../support/pages.ts'

describePages('feed groups', () => {
  const pages = usePages(async (server) => {
    for (const name of ['billing', 'shop', 'tools']) await server.createFeed(name)
  })
  const groups = () => call(clientOf(pages.server().url, pages.server().admin), api.feedGroups.list)

  test('a group is made, a registry joins it in its properties, and they stand together', async () => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers')
    await page.getByRole('link', { name: 'shop', exact: true }).waitFor()
    expect(await page.locator('.group-name').count()).toBe(0)

    await page.goto('/administration/feed-groups')
    await page.getByText('No feed group yet').waitFor()
    await page.getByRole('button', { name: 'New feed group' }).click()
    const dialog = page.getByRole('dialog', { name: 'New feed group' })
    await dialog.getByLabel('Name', { exact: true }).fill('web team')
    await dialog.getByRole('combobox', { name: 'Registries (optional)' }).click()
    await page.getByRole('option', { name: 'shop' }).click()
    await page.keyboard.press('Escape')
    await expectAccessible(page)
    await dialog.getByRole('button', { name: 'Add the feed group' }).click()
    await page.getByRole('row', { name: /web team shop/ }).waitFor()
    await expectAccessible(page)

    await page.goto('/containers/billing?tab=properties')
    await page.getByRole('combobox', { name: 'Feed group' }).click()
    await page.getByRole('option', { name: 'web team' }).click()
    await page.getByRole('button', { name: 'Save the properties' }).click()
    await page.getByText('The properties of billing are saved.').waitFor()
    await expectAccessible(page)
    expect(await groups()).toEqual([{ name: 'web team', feeds: ['billing', 'shop'] }])

    await page.goto('/containers')
    await page.getByRole('button', { name: 'web team 2' }).waitFor()
    const first = page.getByRole('table', { name: 'Registries' }).getByRole('row')
    const names = async () => {
      const texts = await first.locator('td:first-child').allTextContents()
      return texts.map((text) => text.trim())
    }
    expect(await names()).toEqual(['web team2', 'billing', 'shop', 'In no group2', 'main', 'tools'])
    await expectAccessible(page)
  })

  test('by keyboard alone a group is closed, stays so, and is opened', async () => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers')
    const heading = page.getByRole('button', { name: 'web team 2' })
    const billing = page.getByRole('link', { name: 'billing', exact: true })
    await billing.waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await billing.waitFor({ state: 'detached' })
    expect(await heading.getAttribute('aria-expanded')).toBe('false')
    await expectAccessible(page)
    await page.reload()
    await page.getByRole('link', { name: 'tools', exact: true }).waitFor()
    expect(await billing.count()).toBe(0)
    await tabTo(page, heading)
    await page.keyboard.press('Enter')
    await billing.waitFor()
    // j and k walk over headings and rows alike.
    await page.evaluate('document.activeElement.blur()')
    for (const key of ['j', 'j', 'j', 'k']) await page.keyboard.press(key)
    await page.keyboard.press('Enter')
    await page.waitForURL('**/containers/billing')
  })

  test('a group is renamed and deleted; its registries stay', async () => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/feed-groups')
    await page.getByRole('button', { name: 'web team', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: 'The feed group web team' })
    await dialog.getByLabel('Name', { exact: true }).fill('shop team')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('button', { name: 'shop team', exact: true }).waitFor()
    expect(await groups()).toEqual([{ name: 'shop team', feeds: ['billing', 'shop'] }])
    await page.getByRole('button', { name: 'Delete the feed group shop team' }).click()
    await page.getByText(/In it: 2 registries, which\s+stay, in no group/).waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByText('No feed group yet').waitFor()
    await page.goto('/containers')
    await page.getByRole('link', { name: 'billing', exact: true }).waitFor()
    expect(await page.locator('.group-name').count()).toBe(0)
  })
})

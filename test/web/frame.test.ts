import { expect, test } from 'vitest'
import { describePages, expectAccessible, usePages } from '../support/pages.ts'

describePages('the frame of the pages', () => {
  const pages = usePages(async (server) => {
    await server.createFeed('public')
  })

  test('a browser that opens the server finds its registries, after signing in', async () => {
    const { page, open } = await pages.visit()
    pages.expectComplaint(/401/)
    await open('/')
    await page.getByRole('heading', { name: 'Sign in to Entrepot' }).waitFor()
    expect(new URL(page.url()).searchParams.get('to')).toBe('/containers')
    await expectAccessible(page)
    await page.getByLabel('User name').fill('Admin')
    await page.getByLabel('Password', { exact: true }).fill(pages.server().adminPassword)
    await page.keyboard.press('Enter')
    await page.getByRole('link', { name: 'main' }).waitFor()
    await page.getByRole('link', { name: 'public' }).waitFor()
    expect(new URL(page.url()).pathname).toBe('/containers')
    await expectAccessible(page)
  })

  test('the search leads to a registry by keyboard alone', async () => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/account')
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    await page.keyboard.press('/')
    await page.getByPlaceholder('Search registries').waitFor()
    await page.keyboard.type('publ')
    await page.getByRole('button', { name: 'public' }).waitFor()
    await expectAccessible(page)
    await page.keyboard.press('Enter')
    await page.waitForURL('**/containers/public')
    await page.getByRole('heading', { name: 'public', exact: true }).waitFor()
  })

  test('g c, g a and ? work from everywhere, and not while somebody writes', async () => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/account')
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('a')
    await page.getByRole('heading', { name: 'Administration' }).waitFor()
    await expectAccessible(page)
    await page.keyboard.press('g')
    await page.keyboard.press('c')
    await page.getByRole('heading', { name: 'Containers' }).waitFor()
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
    await expectAccessible(page)
    await page.keyboard.press('Escape')
    await page.keyboard.press('g')
    await page.keyboard.press('u')
    const password = page.getByLabel('Current password')
    await password.fill('')
    await password.pressSequentially('g c?/')
    expect(await password.inputValue()).toBe('g c?/')
    expect(new URL(page.url()).pathname).toBe('/account')
  })

  test('j, k and Enter open a row of a table', async () => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers')
    await page.getByRole('link', { name: 'public' }).waitFor()
    for (const key of ['j', 'j', 'k', 'j']) await page.keyboard.press(key)
    await page.keyboard.press('Enter')
    await page.waitForURL('**/containers/public')
  })

  test('on a phone the navigation is a drawer', async () => {
    const { page, openSignedIn } = await pages.visit({
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
    })
    await openSignedIn('/containers')
    await page.getByRole('link', { name: 'main' }).waitFor()
    // Not the breadcrumb's link of that name.
    const drawer = page.getByRole('navigation', { name: 'Navigation' })
    const administration = drawer.getByRole('link', { name: 'Administration' })
    await administration.waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: 'Open the navigation' }).click()
    await expectAccessible(page)
    await administration.click()
    await page.getByRole('heading', { name: 'Administration' }).waitFor()
    await administration.waitFor({ state: 'hidden' })
    const width = await page.evaluate('document.documentElement.scrollWidth')
    expect(width).toBeLessThanOrEqual(390)
  })

  test('the theme follows the system until somebody chooses, and then stays', async () => {
    const { page, openSignedIn } = await pages.visit({ colorScheme: 'dark' })
    await openSignedIn('/containers')
    const scheme = () => page.locator('html').getAttribute('data-mantine-color-scheme')
    await page.getByRole('link', { name: 'main' }).waitFor()
    expect(await scheme()).toBe('dark')
    await page.getByRole('button', { name: 'Account of Admin' }).click()
    await page.getByRole('menuitem', { name: 'Light' }).click()
    expect(await scheme()).toBe('light')
    await page.reload()
    await page.getByRole('link', { name: 'main' }).waitFor()
    expect(await scheme()).toBe('light')
  })

  test('the breadcrumb is the reference of the image', async () => {
    const { page, openSignedIn } = await pages.visit()
    // There is no such image: the breadcrumb does not need it.
    pages.expectComplaint(/404/)
    await openSignedIn('/containers/main/team/app:1.4')
    const crumbs = page.getByRole('navigation', { name: 'Breadcrumb' })
    await crumbs.getByRole('link', { name: '1.4' }).waitFor()
    const host = new URL(pages.server().url).host
    expect(await crumbs.getByRole('link').allTextContents()).toEqual([
      host,
      'main',
      'team',
      'app',
      '1.4',
    ])
    await expectAccessible(page)
    await crumbs.getByRole('link', { name: 'app' }).click()
    await page.waitForURL('**/containers/main/team/app')
  })

  test('a registry that is not there is told in words', async () => {
    const { page, openSignedIn } = await pages.visit()
    pages.expectComplaint(/404/)
    await openSignedIn('/containers/nowhere')
    await page.getByRole('alert').getByText('There is no registry named "nowhere".').waitFor()
    await expectAccessible(page)
  })
})

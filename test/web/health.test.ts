import { expect, test } from 'vitest'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { describePages, expectAccessible, tabTo, usePages } from '../support/pages.ts'

describePages('the health page', () => {
  const pages = usePages()
  const setBaseUrl = (value: string) =>
    call(clientOf(pages.server().url, pages.server().admin), api.settings.set, {
      query: { name: 'Web.BaseUrl', value },
    })

  test('what is wrong stands on top with how to mend it, and is gone once it is mended', async () => {
    // Nothing listens there.
    await setBaseUrl('http://127.0.0.1:1')
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/health')
    await page.getByRole('status').getByText('1 thing must be mended').waitFor()
    const wrong = page.getByRole('group', { name: 'public address' })
    await wrong
      .getByText('http://127.0.0.1:1/v2/ does not answer: nothing listens there.')
      .waitFor()
    await wrong.getByText(/See that the address leads to this server/).waitFor()
    const base = page.getByRole('region', { name: 'At the address for clients' })
    await base.getByText('none: nothing listens there').waitFor()
    await expectAccessible(page)

    const { url } = pages.server()
    await setBaseUrl(url)
    await page.getByRole('button', { name: 'Test again' }).click()
    await page.getByText('Everything works: there is nothing to mend').waitFor()
    expect(await page.getByRole('heading', { name: 'What to mend' }).count()).toBe(0)
    const header = `WWW-Authenticate: Bearer realm="${url}/v2/_auth",service="${new URL(url).host}"`
    await base.getByText(header).waitFor()
    await base.getByText('none: plain HTTP').waitFor()
    await page.getByRole('row', { name: /^database It works/ }).waitFor()
    await expectAccessible(page)
  })

  test('without a base URL it works and could be better; monitoring hears OK', async () => {
    await setBaseUrl('')
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/health')
    await page.getByText('It works; 1 thing could be better').waitFor()
    await page
      .getByRole('group', { name: 'base URL' })
      .getByText(/None is set/)
      .waitFor()
    await page
      .getByText(/Monitoring asks/)
      .getByText('OK', { exact: true })
      .waitFor()
  })

  test('everything is checked one by one, as the command does, with what is to mend on top', async () => {
    const { url } = pages.server()
    await setBaseUrl(url)
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/health')
    await page.getByRole('button', { name: 'Check everything' }).click()
    await page.getByRole('progressbar', { name: 'How many of the checks are done' }).waitFor()
    await page.getByText('All 11 checks are done').waitFor({ timeout: 60_000 })
    await page.getByText('Everything works: there is nothing to mend').waitFor()
    await page.getByRole('row', { name: /^push and pull A small image went by/ }).waitFor()
    await page.getByRole('row', { name: /^store .* Writing, reading, listing/ }).waitFor()
    await expectAccessible(page)

    await setBaseUrl('http://registry.invalid')
    await page.getByRole('button', { name: 'Check everything' }).click()
    await page
      .getByRole('group', { name: 'name server' })
      .getByText(/knows no address of registry\.invalid/)
      .waitFor({ timeout: 60_000 })
    await page.getByText('All 11 checks are done').waitFor({ timeout: 60_000 })
    await expectAccessible(page)
  }, 120_000)

  test('by keyboard alone: there, and tested again', async () => {
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/containers')
    await page.getByRole('heading', { name: 'Containers' }).waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('a')
    await page.getByRole('heading', { name: 'Administration' }).waitFor()
    const navigation = page.getByRole('navigation', { name: 'Navigation' })
    await tabTo(page, navigation.getByRole('link', { name: 'Health' }))
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'What a client sees' }).waitFor()
    await tabTo(page, page.getByRole('button', { name: 'Test again' }))
    const again = page.waitForResponse('**/api/health/self-test')
    await page.keyboard.press('Enter')
    expect((await again).status()).toBe(200)
  })

  test('who is no administrator is told so, and still what monitoring hears', async () => {
    const password = 'a long enough password'
    await call(clientOf(pages.server().url, pages.server().admin), api.securityUsers.add, {
      body: { name: 'plain', password },
    })
    pages.expectComplaint(/403/)
    const { page, openSignedIn } = await pages.visit()
    await openSignedIn('/administration/health', { userName: 'plain', password })
    await page.getByRole('alert').getByText('You may not do this').waitFor()
    await page.getByText(/Monitoring asks/).waitFor()
    await expectAccessible(page)
  })
})

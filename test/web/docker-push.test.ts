import type { Page } from 'playwright-core'
import { afterAll, expect, test } from 'vitest'
import { startDockerEngine } from '../support/docker-engine.ts'
import { describePages, expectAccessible, usePages } from '../support/pages.ts'

const { engine, reason } = await startDockerEngine()

afterAll(async () => {
  await engine?.[Symbol.asyncDispose]()
})

describePages('a docker push while somebody looks', () => {
  const pages = usePages()

  const docker = async (words: string, input?: string) => {
    const [program, ...args] = words.split(' ')
    expect(program).toBe('docker')
    const result = await engine?.run(args, input === undefined ? {} : { input })
    expect(result?.code, `${words}: ${result?.output}`).toBe(0)
  }
  /** The lines that the page tells to type, as they stand there. */
  const linesOf = async (page: Page) => {
    const blocks = page.locator('.first-push pre')
    await blocks.filter({ hasText: 'docker push' }).first().waitFor()
    const lines = (await blocks.allTextContents()).flatMap((text) => text.split('\n'))
    return lines.filter((line) => line.trim() !== '')
  }

  test.skipIf(engine === undefined)(
    `appears without reloading: registry, image, tag, layers and files ${reason}`,
    async () => {
      await engine?.load({ 'my-app:latest': { layers: [{ greeting: 'hello\n' }], main: 'true' } })
      const { page, openSignedIn } = await pages.visit()
      await openSignedIn('/containers')
      await page.getByRole('button', { name: 'New registry' }).click()
      const dialog = page.getByRole('dialog', { name: 'New registry' })
      await dialog.getByLabel('Name', { exact: true }).fill('live')
      await dialog.getByRole('button', { name: 'Create the registry' }).click()
      await page.getByRole('heading', { name: 'Push the first image to live' }).waitFor()
      await page.evaluate('globalThis.notReloaded = true')

      const [login = '', ...lines] = await linesOf(page)
      const password = pages.server().adminPassword
      const asked = 'docker login --username Admin --password-stdin'
      await docker(login.replace('docker login', asked), password)
      for (const line of lines) await docker(line)
      await page.getByRole('link', { name: 'my-app', exact: true }).click()
      await page.getByRole('link', { name: '1.0', exact: true }).first().waitFor()
      await expectAccessible(page)

      const name = `${new URL(pages.server().url).host}/live/my-app`
      await engine?.load({ [`${name}:2.0`]: { layers: [{ greeting: 'bye\n' }], main: 'true' } })
      await docker(`docker push ${name}:2.0`)
      const row = page.locator('tr[data-fresh]').filter({ hasText: '2.0' })
      await row.getByRole('link', { name: '2.0', exact: true }).click()
      await page.getByRole('tab', { name: 'Layers' }).click()
      const layers = page.getByRole('table', { name: 'Layers' }).locator('tbody tr')
      await layers.nth(1).waitFor()
      await page.getByRole('link', { name: 'Files of layer 2' }).click()
      await page.getByRole('treeitem', { name: 'greeting' }).click()
      const text = page.getByRole('region', { name: 'greeting' })
      await text.waitFor()
      expect((await text.textContent())?.trim()).toBe('bye')
      expect(await page.evaluate('globalThis.notReloaded')).toBe(true)
    },
  )
})

import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { projectFolder } from '../../support/build.ts'
import { findChromium, launchChromium } from '../../support/chromium.ts'
import { makeDemoImages } from '../../support/demo-images.ts'
import { pushImage, pushManifest } from '../../support/push.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { openSignedIn } from '../../support/signed-in.ts'

/**
 * `npx tsx test/web/screenshots/images.ts [part-of-a-name]`: the pages of an image in light, in
 * dark and on a phone, into docs/screenshots. Build first.
 */
const looks: Readonly<Record<string, BrowserContextOptions>> = {
  light: { colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  phone: {
    ...{ colorScheme: 'light', viewport: { width: 390, height: 844 } },
    ...{ isMobile: true, hasTouch: true },
  },
}

interface Shot {
  readonly query: string
  /** What is waited for, as it comes last. */
  readonly until: string
  readonly prepare?: (page: Page) => Promise<void>
}

const shots: Readonly<Record<string, Shot>> = {
  'image-overview': { query: '', until: '.text-table' },
  'image-layers': { query: 'tab=layers', until: '.layer-bar' },
  'image-files': { query: 'tab=files&path=srv/app.py', until: '.hljs-keyword' },
  'image-picture': { query: 'tab=files&path=srv/logo.png', until: '.file-image' },
  'image-manifest': { query: 'tab=manifest', until: '.json-name' },
  'image-referrers': { query: 'tab=referrers', until: 'tbody' },
  'image-history': { query: 'tab=history', until: 'section + section tbody' },
  'image-usage': { query: 'tab=usage', until: '.daily-bars' },
  'image-compare': {
    query: 'compare=1.3&platform=linux/amd64&file=srv/app.py',
    until: '.diff-added',
  },
  'image-delete': {
    query: '',
    until: '.text-table',
    async prepare(page) {
      await page.getByRole('button', { name: 'Delete…' }).click()
      await page.getByLabel('The image with all its tags').click()
      await page.getByText('Goes with clean-up').waitFor()
    },
  },
}

const folder = path.join(projectFolder, 'docs/screenshots')
const [wanted = ''] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })
await using server = await startServer({}, { webFolder: path.join(projectFolder, 'dist/web') })
await seed(server)
const browser = await launchChromium(findChromium())
try {
  for (const [look, options] of Object.entries(looks)) {
    const context = await browser.newContext({
      ...{ baseURL: server.url, reducedMotion: 'reduce' },
      ...options,
    })
    // A busy machine takes its time.
    context.setDefaultTimeout(180_000)
    const page = await context.newPage()
    for (const [name, { query, until, prepare }] of Object.entries(shots)) {
      if (!name.includes(wanted)) continue
      const address = `/containers/main/team/app:1.4?${query}`
      await openSignedIn({ context, page }, server, address)
      await page.locator(until).first().waitFor()
      await page.waitForLoadState('networkidle')
      await prepare?.(page)
      await page.screenshot({ path: path.join(folder, `${name}-${look}.png`) })
    }
    await context.close()
  }
} finally {
  await browser.close()
}

async function seed({ url, admin }: TestServer): Promise<void> {
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

import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { projectFolder } from '../../support/build.ts'
import { findChromium, launchChromium } from '../../support/chromium.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { seed, seedCleanUp, seedImages, seedQuota } from './seed.ts'
import { seedConnectors } from './seed-connectors.ts'
import { type Shot, shots } from './shots.ts'

/**
 * `npm run docs:screenshots [-- part-of-a-name]`: each page in light, in dark and on a phone, with
 * content, into docs/screenshots. Build first.
 */
const looks: Readonly<Record<string, BrowserContextOptions>> = {
  light: { colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  phone: {
    colorScheme: 'light',
    viewport: { width: 390, height: 844 },
    isMobile: true,
    hasTouch: true,
  },
}
const folder = path.join(projectFolder, 'docs/screenshots')

const [wanted = ''] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })
const webFolder = path.join(projectFolder, 'dist/web')
await using server = await startServer({}, { webFolder })
await seed(server)
await seedImages(server)
await seedQuota(server)
await seedCleanUp(server)
await using upstream = await startServer()
await seedConnectors(server, upstream)
const browser = await launchChromium(findChromium())
try {
  for (const [look, options] of Object.entries(looks)) {
    await take(browser, server, { look, options })
  }
} finally {
  await browser.close()
}

async function take(
  browser: Browser,
  { url, adminPassword }: TestServer,
  { look, options }: { readonly look: string; readonly options: BrowserContextOptions },
): Promise<void> {
  const context = await browser.newContext({ baseURL: url, reducedMotion: 'reduce', ...options })
  // A busy machine takes its time.
  context.setDefaultTimeout(180_000)
  const page = await context.newPage()
  const shoot = async ({ name, address, until = 'h1, h2', prepare }: Shot) => {
    await page.goto(address)
    await page.locator(until).first().waitFor()
    await page.waitForLoadState('networkidle')
    await prepare?.(page)
    await page.screenshot({ path: path.join(folder, `${name}-${look}.png`) })
  }
  const some = shots.filter(({ name }) => name.includes(wanted))
  for (const shot of some.filter(({ signedOut }) => signedOut)) await shoot(shot)
  await context.request.post('/api/sessions/login', {
    data: { userName: 'Admin', password: adminPassword },
    headers: { origin: url, 'x-requested-with': 'entrepot' },
  })
  for (const shot of some.filter(({ signedOut }) => !signedOut)) await shoot(shot)
  await context.close()
}

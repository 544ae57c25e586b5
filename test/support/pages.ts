import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { AxeResults, RunOptions } from 'axe-core'
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import type { AppOverrides } from '../../server/app.ts'
import type { Config } from '../../server/config.ts'
import { buildServer, projectFolder } from './build.ts'
import { findChromium, launchChromium } from './chromium.ts'
import { expectKeyboardReaches } from './keyboard.ts'
import { startServer, type TestServer } from './server.ts'
import { openSignedIn } from './signed-in.ts'

export const chromium = findChromium()

/** Tests in a real browser; by name skipped without one. They wait for much. */
export function describePages(name: string, tests: () => void): void {
  describe.skipIf(chromium.skip)(`${name} ${chromium.reason}`, { timeout: 120_000 }, tests)
}

const axeFile = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** One browser profile on the pages. */
export interface Visitor {
  readonly page: Page
  readonly context: BrowserContext
  /** Opens an address of the server, such as `/containers`. */
  open(address: string): Promise<void>
  /** Opens it signed in; as Admin unless it says who. */
  openSignedIn(address: string, who?: Login): Promise<void>
}

export interface Login {
  readonly userName: string
  readonly password: string
}

/**
 * A server with the built pages and a browser, shared by the tests of a file. After each test its
 * visitors leave, and whatever their browsers complained of (errors, what the policy refused,
 * uncaught exceptions, addresses outside) fails it. Call it inside of
 * `describePages`.
 */
export function usePages(
  setUp: (server: TestServer) => Promise<void> = async () => {},
  overrides: Partial<Config> = {},
  appOverrides: AppOverrides = {},
) {
  let browser: Browser
  let server: TestServer
  let visitors: { readonly context: BrowserContext; readonly isPlain: boolean }[] = []
  /** Profiles that are as new, but have the pages' files in their cache: loading them is most of a test. */
  const idle: BrowserContext[] = []
  const complaints: string[] = []
  let expected: RegExp[] = []

  beforeAll(async () => {
    await buildServer()
    const webFolder = path.join(projectFolder, 'dist/web')
    server = await startServer(overrides, { webFolder, ...appOverrides })
    browser = await launchChromium(chromium)
    await setUp(server)
  }, 360_000)
  afterEach(async () => {
    for (const { context, isPlain } of visitors) {
      if (isPlain) idle.push(await forgetAll(context, server.url))
      else await context.close()
    }
    visitors = []
    const unexpected = complaints
      .splice(0)
      .filter((text) => !expected.some((pattern) => pattern.test(text)))
    expected = []
    expect(unexpected).toEqual([])
  })
  afterAll(async () => {
    await browser?.close()
    await server?.[Symbol.asyncDispose]()
  })

  const newContext = async (options: BrowserContextOptions = {}) => {
    const manners = { baseURL: server.url, reducedMotion: 'reduce' } as const
    const context = await browser.newContext({ ...manners, ...options })
    context.setDefaultTimeout(30_000)
    return context
  }

  return {
    server: () => server,
    browser: () => browser,
    /** What this test brings about on purpose, such as the browser's word of a 401. */
    expectComplaint: (pattern: RegExp) => void expected.push(pattern),
    /** Somebody new, with nothing remembered. */
    async visit(options?: BrowserContextOptions): Promise<Visitor> {
      const isPlain = options === undefined
      const context = (isPlain && idle.pop()) || (await newContext(options))
      visitors.push({ context, isPlain })
      const page = await context.newPage()
      listen(page, server.url, complaints)
      return {
        page,
        context,
        open: async (address) => void (await page.goto(address)),
        openSignedIn: async (address, who) =>
          void (await openSignedIn({ context, page }, server, address, who)),
      }
    },
  }
}

/** Closes its pages and takes away all that they kept, but for the files that they loaded. */
async function forgetAll(context: BrowserContext, origin: string): Promise<BrowserContext> {
  const [first, ...others] = context.pages()
  await Promise.all(others.map((page) => page.close()))
  if (first !== undefined) {
    await first.goto('about:blank')
    const debug = await context.newCDPSession(first)
    const storageTypes = 'cookies,local_storage,indexeddb,cache_storage,service_workers'
    await debug.send('Storage.clearDataForOrigin', { origin, storageTypes })
    await first.close()
  }
  await context.clearCookies()
  await context.clearPermissions()
  return context
}

function listen(page: Page, url: string, complaints: string[]): void {
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`)
    }
  })
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack}`))
  page.on('request', (request) => {
    const outside = !request.url().startsWith(url) && !/^(?:blob|data):/.test(request.url())
    if (outside) complaints.push(`outside: ${request.url()}`)
  })
}

/**
 * Fails on what axe calls serious or critical (in dark, which differs in colours alone, on those)
 * and on what the keyboard does not reach.
 */
export async function expectAccessible(page: Page): Promise<void> {
  await expectKeyboardReaches(page)
  await expectNoFinding(page, 'light', {})
  await expectNoFinding(page, 'dark', { runOnly: ['color-contrast'] })
  await page.emulateMedia({ colorScheme: null })
}

async function expectNoFinding(
  page: Page,
  colorScheme: 'light' | 'dark',
  options: RunOptions,
): Promise<void> {
  await page.emulateMedia({ colorScheme })
  await page.locator(`html[data-mantine-color-scheme=${colorScheme}]`).waitFor()
  // Through the debugger, which the policy of the page does not bind.
  if (!(await page.evaluate('"axe" in globalThis'))) await page.evaluate(readAxe())
  const asked = JSON.stringify({ ...options, resultTypes: ['violations'] })
  const { violations } = (await page.evaluate(`axe.run(document, ${asked})`)) as AxeResults
  const findings = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, help, nodes }) =>
      nodes.map(({ html, any }) => `${colorScheme} ${id}: ${help}: ${html} ${any[0]?.message}`),
    )
  expect(findings).toEqual([])
}

let axe: string | undefined

function readAxe(): string {
  axe ??= readFileSync(axeFile, 'utf8')
  return axe
}

/** By the keyboard alone: Tab, until the focus is on it. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  await target.waitFor()
  for (let presses = 0; presses < 200; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`the keyboard does not come to ${target}`)
}

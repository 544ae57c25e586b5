import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
} from 'playwright-core'
import { type Found, needs } from './require.ts'

export function findChromium(): Found {
  return needs({ program: 'chromium', package: 'chromium' })
}

/** A browser that reaches this machine and nothing else. It runs as root too. */
export async function launchChromium(found: Found): Promise<Browser> {
  return await chromium.launch(launchOptions(found))
}

/**
 * The same with one profile in a folder of its own (removed when it is closed): what it compiled of
 * the pages' scripts is kept, which others compile at every load.
 */
export async function openProfile(
  found: Found,
  options: BrowserContextOptions,
): Promise<BrowserContext> {
  return await chromium.launchPersistentContext('', { ...launchOptions(found), ...options })
}

function launchOptions({ file }: Found) {
  return {
    executablePath: file,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
    ],
  }
}

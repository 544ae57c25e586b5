import { type Browser, chromium } from 'playwright-core'
import { type Found, needs } from './require.ts'

/** Chromium without windows: the same engine, a third of the work of the one that could have them. */
export function findChromium(): Found {
  return needs({ program: 'chromium-headless-shell', package: 'chromium-headless-shell' })
}

/** A browser that reaches this machine and nothing else. It runs as root too. */
export async function launchChromium(found: Found): Promise<Browser> {
  return await chromium.launch({
    executablePath: found.file,
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
  })
}

import type { Page } from 'playwright-core'
import type { Login, Visitor } from './pages.ts'
import type { TestServer } from './server.ts'

/** Opens an address signed in, without going through the form; as Admin unless it says who. */
export async function openSignedIn(
  { context, page }: Pick<Visitor, 'context' | 'page'>,
  { url, adminPassword }: TestServer,
  address: string,
  who: Login = { userName: 'Admin', password: adminPassword },
): Promise<Page> {
  const answer = await context.request.post('/api/sessions/login', {
    data: who,
    // As a browser says it, whatever base URL the server was told.
    headers: { origin: url, 'sec-fetch-site': 'same-origin', 'x-requested-with': 'entrepot' },
  })
  if (!answer.ok()) throw new Error(`signing in: ${answer.status()} ${await answer.text()}`)
  await page.goto(address)
  return page
}

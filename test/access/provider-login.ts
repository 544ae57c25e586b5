import { type Answer, send } from '../support/wire.ts'

const maxRequests = 20

/** What a browser is about to ask for; with a form it posts. */
interface Step {
  readonly url: URL
  readonly form?: URLSearchParams
}

/** Cookies by host, name and value. */
type Jars = Map<string, Map<string, string>>

/**
 * Logs in at an OpenID Connect provider as a browser would, redirects, cookies and forms, from the
 * server's own address for it to where the provider sends the browser back. Returns the cookie of
 * the session that the server began.
 */
export async function logInByProvider(startUrl: string, account: string): Promise<string> {
  const jars: Jars = new Map()
  const home = new URL(startUrl).host
  let step: Step = { url: new URL(startUrl) }
  for (let count = 0; count < maxRequests; count++) {
    const answer = await take(step, jars)
    const session = jars.get(home)?.get('entrepot-session')
    if (session !== undefined) return `entrepot-session=${session}`
    step = nextOf(step, answer, account)
  }
  throw new Error(`The login had not ended after ${maxRequests} requests.`)
}

async function take({ url, form }: Step, jars: Jars): Promise<Answer> {
  const jar = jars.get(url.host) ?? new Map<string, string>()
  jars.set(url.host, jar)
  const answer = await send(url.origin, {
    method: form === undefined ? 'GET' : 'POST',
    target: url.pathname + url.search,
    headers: {
      ...(jar.size > 0 && { cookie: [...jar].map((pair) => pair.join('=')).join('; ') }),
      ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    ...(form !== undefined && { body: form.toString() }),
  })
  for (const [name, value] of answer.rawHeaders) {
    if (name.toLowerCase() === 'set-cookie') keepCookie(jar, value)
  }
  return answer
}

function nextOf({ url }: Step, answer: Answer, account: string): Step {
  const { location } = answer.headers
  if (location !== undefined) return { url: new URL(location, url) }
  const page = answer.body.toString('utf8')
  const [, action] = /<form[^>]* action="([^"]+)"/.exec(page) ?? []
  const [, prompt] = /name="prompt" value="(\w+)"/.exec(page) ?? []
  if (action === undefined || prompt === undefined) {
    throw new Error(`The login ended at ${url} with ${answer.status}: ${page.slice(0, 300)}`)
  }
  const login = { login: account, password: 'anything' }
  const form = new URLSearchParams({ prompt, ...(prompt === 'login' && login) })
  return { url: new URL(action, url), form }
}

function keepCookie(jar: Map<string, string>, line: string): void {
  const [pair = ''] = line.split(';', 1)
  const at = pair.indexOf('=')
  const [name, value] = [pair.slice(0, at), pair.slice(at + 1)]
  if (value === '') jar.delete(name)
  else jar.set(name, value)
}

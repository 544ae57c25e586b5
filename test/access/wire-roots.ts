import { isDeepStrictEqual } from 'node:util'
import { type Answer, jsonOf, send, type WireRequest } from '../support/wire.ts'
import { Hidden } from './blurred.ts'
import { scopesOf } from './credentials.ts'
import { may, sees } from './rules.ts'
import { forAll, type Tally } from './tally.ts'
import { mismatchOf, ruleBroken } from './wire-answers.ts'
import { type Expected, refusalOf } from './wire-expectations.ts'
import { nameIn, type Sender } from './wire-matrix.ts'
import type { rights } from './wire-routes.ts'
import { absentFeed, feeds, nameOf, repositories, world } from './world.ts'

type Wrong = string | undefined

const ok: Expected = { status: 200, hides: false, lacksScope: false }
const unauthorized: Expected = { ...ok, status: 401, code: 'UNAUTHORIZED' }

/** The addresses that are outside of every repository. */
export async function checkRoots(sender: Sender, tally: Tally): Promise<void> {
  const hidden = new Hidden()
  for (const method of ['GET', 'HEAD']) {
    await ask(sender, tally, { method, target: '/v2/' }, expectedPing(sender))
    await ask(
      sender,
      tally,
      { method, target: '/v2/_catalog' },
      expectedCatalog(sender),
      (answer) =>
        answer.status === 200 && method === 'GET' ? catalogMismatch(sender, answer) : undefined,
    )
  }
  await checkPages(sender, tally)
  // No address, of whatever registry: "the first part names a registry".
  await forAll([...feeds, absentFeed], 1, async (feed) => {
    const request = { method: 'GET', target: `/v2/${feed}/_catalog` }
    const isKnown = !['nobody', 'anonymous'].includes(sender.principal.caller.kind)
    const stray = { ...ok, status: 404, code: 'UNSUPPORTED' }
    const check = (answer: Answer) => hidden.compare('stray', answer, feed)
    await ask(sender, tally, request, isKnown ? stray : unauthorized, check)
  })
  if (!sender.way.startsWith('Bearer')) await checkTokens(sender, tally)
}

/** "any credentials, an anonymous token too" */
function expectedPing({ principal, way }: Sender): Expected {
  return principal.caller.kind === 'nobody' || way === 'nothing' ? unauthorized : ok
}

/** "Lists have what the caller may view; Anonymous who may view nothing hears 401." */
function expectedCatalog({ principal: { caller }, way }: Sender): Expected {
  if (caller.kind === 'nobody') return unauthorized
  const lacksScope = way === 'Bearer without scopes'
  if (lacksScope) return { ...unauthorized, lacksScope }
  const seesSome = feeds.some((feed) => sees(world, caller, feed))
  return caller.kind === 'anonymous' && !seesSome ? unauthorized : ok
}

function seenBy({ principal: { caller } }: Sender): readonly string[] {
  return repositories
    .filter(({ kind }) => kind === 'there')
    .filter(({ feed, repository }) => may(world, caller, 'Feeds_ViewFeed', { feed, repository }))
    .map(nameOf)
    .sort()
}

function namesIn(answer: Answer): readonly string[] {
  return (jsonOf(answer) as { readonly repositories: readonly string[] }).repositories
}

function catalogMismatch(sender: Sender, answer: Answer): Wrong {
  return differs(namesIn(answer), seenBy(sender))
}

/** Page by page it is the same: no page ends, or a link leads, where something is hidden. */
async function checkPages(sender: Sender, tally: Tally): Promise<void> {
  if (expectedCatalog(sender).status !== 200) return
  const size = 2
  const found: string[] = []
  let target: string | undefined = `/v2/_catalog?n=${size}`
  while (target !== undefined) {
    let next: string | undefined
    await ask(sender, tally, { method: 'GET', target }, ok, (answer) => {
      if (answer.status !== 200) return undefined
      found.push(...namesIn(answer))
      next = /^<([^>]+)>/.exec(answer.headers.link ?? '')?.[1]
      const isFull = namesIn(answer).length === size
      return next !== undefined && !isFull ? 'a page that is not full leads on' : undefined
    })
    target = next
  }
  tally.compare(`${nameIn(sender)}: pages of the catalog`, differs(found, seenBy(sender)))
}

/** "a token for what the caller may do of what it asks for" */
async function checkTokens(sender: Sender, tally: Tally): Promise<void> {
  const expected = sender.principal.caller.kind === 'nobody' ? unauthorized : ok
  const check = (answer: Answer) =>
    answer.status === 200 ? differs(accessIn(answer), accessOf(sender)) : undefined
  const scopes = scopesOf(sender.principal)
  const query = new URLSearchParams(scopes.map((scope) => ['scope', scope]))
  await ask(sender, tally, { method: 'GET', target: `/v2/_auth?${query}` }, expected, check)
  const [, encoded = ''] = headersOf(sender).authorization?.split(' ') ?? []
  if (encoded === '') return
  const [username = '', ...rest] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
  const fields = { grant_type: 'password', service: new URL(sender.stage.server.url).host }
  const login = { username, password: rest.join(':'), scope: scopes.join(' ') }
  const form = new URLSearchParams({ ...fields, client_id: 'tests', ...login })
  const request = {
    ...{ method: 'POST', target: '/v2/_auth', body: form.toString() },
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  }
  await ask(sender, tally, request, expected, check)
}

interface Access {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

/** What the rules give of what is asked for. */
function accessOf({ principal: { caller }, way }: Sender): readonly Access[] {
  const kinds = ['pull', 'push', 'delete'] as const satisfies readonly (keyof typeof rights)[]
  const found = repositories.map((repository): Access => {
    const actions = kinds.filter(
      (action) => refusalOf(caller, action, repository, way) === undefined,
    )
    return { type: 'repository', name: nameOf(repository), actions }
  })
  const catalog = { type: 'registry', name: 'catalog', actions: ['*'] }
  const granted = found.filter(({ actions }) => actions.length > 0)
  const isSilent = caller.kind === 'anonymous' && !feeds.some((feed) => sees(world, caller, feed))
  return isSilent ? granted : [...granted, catalog]
}

/** What the token is for, places to mount to left out. */
function accessIn(answer: Answer): readonly Access[] {
  const { token } = jsonOf(answer) as { readonly token: string }
  const [, payload = ''] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as {
    readonly access: readonly Access[]
  }
  const asked = new Set(['catalog', ...repositories.map(nameOf)])
  return claims.access.filter(({ name }) => asked.has(name))
}

async function ask(
  sender: Sender,
  tally: Tally,
  request: WireRequest,
  expected: Expected,
  check: (answer: Answer) => Wrong = () => undefined,
): Promise<void> {
  const { server, agent } = sender.stage
  // The form has the credentials itself.
  const headers = request.body === undefined ? headersOf(sender) : request.headers
  const answer = await send(server.url, { ...request, agent, ...(headers && { headers }) })
  const title = `${request.method} ${request.target.split('?', 1)[0]}`
  tally.note('route', title)
  tally.add(
    `${nameIn(sender)}: ${title}`,
    mismatchOf(expected, request, answer),
    ruleBroken(request, answer),
    check(answer),
  )
}

function headersOf({ stage, principal, way }: Sender): Readonly<Record<string, string>> {
  return stage.credentials.wire(principal, way)
}

function differs(found: unknown, expected: unknown): Wrong {
  if (isDeepStrictEqual(found, expected)) return undefined
  return `${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`
}

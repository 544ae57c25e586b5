import { type Answer, send } from '../support/wire.ts'
import { type ApiRequest, type ApiRoute, apiRoutes } from './api-routes.ts'
import { Hidden } from './blurred.ts'
import type { ApiWay, Principal } from './principals.ts'
import type { Stage } from './stage.ts'
import { forAll, type Tally } from './tally.ts'

const atOnce = 24

interface Asked {
  readonly name: string
  readonly route: ApiRoute
  readonly method: string
  readonly request: ApiRequest
}

/** One principal, showing one way who it is: every route of the management API. */
export async function checkApi(
  stage: Stage,
  principal: Principal,
  way: ApiWay,
  tally: Tally,
): Promise<void> {
  const asked = Object.entries(apiRoutes).flatMap(([name, route]) =>
    route.methods.flatMap((method) =>
      route.requests.map((request): Asked => ({ name, route, method, request })),
    ),
  )
  const hidden = new Hidden()
  await forAll(asked, atOnce, async (each) => {
    const { name, method, request } = each
    const expected = expectedOf(principal, each)
    if (request.onlyRefused && expected.code === undefined) return
    const answer = await ask(stage, { principal, way }, each)
    const about = [name, method, request.what].filter((word) => word !== undefined).join(' ')
    const { feed } = request
    const isHidden = expected.status === 404 && expected.code !== undefined
    tally.note('route', `${method} ${name}`)
    if (feed !== undefined) tally.note('registry', feed)
    tally.add(
      `${principal.name} (${way}): ${about} ${feed ?? ''}`.trimEnd(),
      mismatchOf(expected, answer),
      replyMismatch(each, principal, answer),
      ...(isHidden && feed !== undefined ? [hidden.compare(about, answer, feed)] : []),
    )
  })
}

/** `code` is of a refusal: what whoever may hears is looked at by status alone. */
function expectedOf(
  { caller }: Principal,
  { route, request }: Asked,
): { readonly status: number; readonly code?: string } {
  if (caller.kind === 'nobody' && !route.open) return { status: 401, code: 'UNAUTHORIZED' }
  return request.needs(caller) ?? { status: request.heard ?? 200 }
}

async function ask(
  stage: Stage,
  { principal, way }: { readonly principal: Principal; readonly way: ApiWay },
  { route, method, request }: Asked,
): Promise<Answer> {
  const { query = {}, json, name = '' } = request
  const fields = typeof query === 'function' ? query(stage, principal.caller) : query
  const headers = stage.credentials.api(principal, way)
  const path = route.path.replace(':name', name)
  const hasBody = json !== undefined && method !== 'GET'
  return await send(stage.server.url, {
    method,
    target: `${path}?${new URLSearchParams(fields)}`,
    headers: { ...headers, ...(hasBody && { 'content-type': 'application/json' }) },
    ...(hasBody && { body: JSON.stringify(json) }),
    agent: stage.agent,
  })
}

function mismatchOf(
  expected: { readonly status: number; readonly code?: string },
  answer: Answer,
): string | undefined {
  const { status, code = '' } = expected
  const text = answer.body.subarray(0, 300).toString('utf8')
  const wanted = `${status} ${code} expected, ${answer.status} ${text} heard`
  if (answer.status !== status) return wanted
  if (status < 400) return undefined
  const problem = jsonOf(answer) as { readonly code?: string; readonly status?: number }
  if (code !== '' && problem.code !== code) return wanted
  if (problem.status !== status) return `the body says ${problem.status}`
  if (answer.headers['content-type'] !== 'application/problem+json') return 'no problem document'
  const hasChallenge = answer.headers['www-authenticate'] !== undefined
  return hasChallenge === (status === 401) ? undefined : 'a challenge too many, or none'
}

function replyMismatch(
  { request }: Asked,
  { caller }: Principal,
  answer: Answer,
): string | undefined {
  if (answer.status !== 200) return undefined
  return request.check?.(jsonOf(answer), caller)
}

function jsonOf(answer: Answer): unknown {
  return JSON.parse(answer.body.toString('utf8'))
}

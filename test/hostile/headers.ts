import type { Random } from '../support/random.ts'
import { makeDigest } from './targets.ts'
import { oddText } from './texts.ts'
import type { World } from './world.ts'

export type HeaderLine = readonly [name: string, value: string]

/** Headers that mean something to a registry, and some that mean nothing. Valid HTTP. */
export function makeHeaders(random: Random, world: World): HeaderLine[] {
  const lines = Array.from({ length: random.between(0, 4) }, () => makeLine(random, world))
  const twice = lines.length > 0 && random.chance(0.1) ? [random.pick(lines)] : []
  return [...lines, ...twice].map(([name, value]) => [name, valueSafe(value)])
}

function makeLine(random: Random, world: World): HeaderLine {
  return random.pick<() => HeaderLine>([
    () => ['Range', makeRange(random)],
    () => ['Range', makeRange(random)],
    () => ['Content-Range', makeContentRange(random)],
    () => ['Content-Range', makeContentRange(random)],
    () => ['If-None-Match', `${random.pick(['', 'W/'])}"${makeDigest(random, world)}"`],
    () => ['If-Range', `"${makeDigest(random, world)}"`],
    () => ['If-Modified-Since', random.pick(['Thu, 01 Jan 1970 00:00:00 GMT', oddText(random)])],
    () => ['If-Match', random.pick(['*', oddText(random)])],
    () => ['Accept', random.pick(['*/*', 'text/html', 'a,'.repeat(2000), oddText(random)])],
    () => ['Accept-Encoding', random.pick(['gzip', 'br;q=1', '*', oddText(random)])],
    () => ['Expect', random.chance(0.8) ? '100-continue' : oddText(random)],
    () => ['Connection', random.pick(['close', 'keep-alive', 'Upgrade, close', oddText(random)])],
    () => ['Upgrade', random.pick(['h2c', 'websocket', oddText(random)])],
    () => ['Cookie', 'a=b; '.repeat(random.pick([1, 1000]))],
    () => ['Origin', random.pick(['null', oddText(random)])],
    () => ['X-Forwarded-For', random.pick(['127.0.0.1', 'a, '.repeat(500), oddText(random)])],
    () => ['X-Forwarded-Host', oddText(random)],
    () => ['X-Forwarded-Proto', random.pick(['https', 'javascript', oddText(random)])],
    () => ['Forwarded', `for=${oddText(random)};host=${oddText(random)}`],
    () => ['X-HTTP-Method-Override', 'DELETE'],
    () => ['User-Agent', oddText(random)],
    () => ['__proto__', oddText(random)],
    () => [`X-${'a'.repeat(random.pick([1, 1000]))}`, 'b'.repeat(random.pick([1, 8000]))],
  ])()
}

function makeRange(random: Random): string {
  const number = () =>
    random.pick(['0', '1', '99', '', '-1', '1000000', '9'.repeat(40), oddText(random)])
  const ranges = Array.from(
    { length: random.pick([1, 1, 2, 10, 600]) },
    () => `${number()}-${number()}`,
  )
  return `${random.pick(['bytes', 'bytes', 'BYTES', 'items', ''])}=${ranges.join(',')}`
}

function makeContentRange(random: Random): string {
  const start = random.pick([0, 0, 1, 500, 2 ** 53])
  const end = start + random.pick([0, 9, 99, 2 ** 40])
  return random.pick([
    `${start}-${end}`,
    `bytes ${start}-${end}/*`,
    `${end}-${start}`,
    `bytes ${start}-${end}/${end}`,
    oddText(random),
  ])
}

/** What Node's parser takes in a value: bytes, no control characters. */
function valueSafe(value: string): string {
  return [...value].filter((character) => /[\t\x20-\x7e\x80-\xff]/.test(character)).join('')
}

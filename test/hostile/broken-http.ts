import type { Random } from '../support/random.ts'
import type { Message } from './messages.ts'
import { oddText } from './texts.ts'
import type { Caller, World } from './world.ts'

/** Bytes that are not quite HTTP, or no HTTP at all. */
export function makeBrokenMessage(random: Random, world: World, caller: Caller): Message {
  const authorization =
    caller.authorization === undefined ? '' : `Authorization: ${caller.authorization}\r\n`
  const known = `Host: ${world.host}\r\n${authorization}`
  const text = random.pick(broken)(random, known)
  return { method: text.split(' ', 1)[0] ?? '', isSound: false, bytes: Buffer.from(text, 'latin1') }
}

type Broken = (random: Random, known: string) => string

const uploads = '/v2/open/new/blobs/uploads/'

const broken: readonly Broken[] = [
  (random) => random.bytes(random.pick([1, 20, 3000])).toString('latin1'),
  () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  (random, known) =>
    `GET /v2/ HTTP/${random.pick(['0.9', '1.0', '1.2', '2.0', '9', 'x'])}\r\n${known}\r\n`,
  (_, known) => `GET /v2/\r\n${known}\r\n`,
  (_, known) => `GET  /v2/  HTTP/1.1\r\n${known}\r\n`,
  (_, known) => `get /v2/ HTTP/1.1\r\n${known}\r\n`,
  (random, known) =>
    `${random.pick(['CONNECT', 'FOO', 'GE', 'G\u00cbT', ''])} /v2/ HTTP/1.1\r\n${known}\r\n`,
  (_, known) => `CONNECT 127.0.0.1:22 HTTP/1.1\r\n${known}\r\n`,
  (_, known) => `GET http://localhost/v2/ HTTP/1.1\r\n${known}\r\n`,
  (_, known) => `OPTIONS * HTTP/1.1\r\n${known}\r\n`,
  (_, known) => `GET v2/ HTTP/1.1\r\n${known}\r\n`,
  (_, known) => `GET /v2/ HTTP/1.1\n${known.replaceAll('\r', '')}\n`,
  () => 'GET /v2/ HTTP/1.1\r\n\r\n',
  (_, known) => `GET /v2/ HTTP/1.1\r\n${known}${known}\r\n`,
  (_, known) => `GET /v2/ HTTP/1.1\r\n${known}X-Folded: a\r\n b\r\n\tc\r\n\r\n`,
  (_, known) => `GET /v2/ HTTP/1.1\r\n${known} Leading: space\r\n\r\n`,
  (_, known) => `GET /v2/ HTTP/1.1\r\n${known}Space : before\r\n\r\n`,
  (_, known) => `GET /v2/ HTTP/1.1\r\n${known}No colon\r\n\r\n`,
  (_, known) => `GET /v2/ HTTP/1.1\r\n${known}Nul: a\0b\r\n\r\n`,
  (random, known) => `GET /v2/ HTTP/1.1\r\n${known}${oddText(random)}: ${oddText(random)}\r\n\r\n`,
  (_, known) => `GET /v2/ HTTP/1.1\r\n${known}Huge: ${'a'.repeat(70_000)}\r\n\r\n`,
  (_, known) => `GET /v2/ HTTP/1.1\r\n${known}${'X-Many: a\r\n'.repeat(3000)}\r\n`,
  (_, known) => `GET /v2/${'a'.repeat(70_000)} HTTP/1.1\r\n${known}\r\n`,
  (_, known) => `GET /v2/?${'a=b&'.repeat(7000)} HTTP/1.1\r\n${known}\r\n`,
  (random, known) => withLength(random, known),
  (random, known) => withLength(random, known),
  (_, known) =>
    `POST ${uploads} HTTP/1.1\r\n${known}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
  (_, known) =>
    `POST ${uploads} HTTP/1.1\r\n${known}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v2/secret/app/tags/list HTTP/1.1\r\n\r\n`,
  (random, known) => withEncoding(random, known),
  (random, known) => withChunks(random, known),
  (random, known) => withChunks(random, known),
]

function withLength(random: Random, known: string): string {
  const length = random.pick([
    '-1',
    '+4',
    '0x4',
    '4,4',
    '4 4',
    '1e3',
    '',
    'four',
    '9'.repeat(30),
    '4.0',
  ])
  return `POST ${uploads} HTTP/1.1\r\n${known}Content-Length: ${length}\r\n\r\nabcd`
}

function withEncoding(random: Random, known: string): string {
  const encoding = random.pick([
    'gzip',
    'chunked, gzip',
    'chunked,chunked',
    'xchunked',
    'CHUNKED ',
    '',
  ])
  return `POST ${uploads} HTTP/1.1\r\n${known}Transfer-Encoding: ${encoding}\r\n\r\n4\r\nabcd\r\n0\r\n\r\n`
}

function withChunks(random: Random, known: string): string {
  const chunks = random.pick([
    'zz\r\nabcd\r\n0\r\n\r\n',
    '-4\r\nabcd\r\n0\r\n\r\n',
    '4\r\nabcdef\r\n0\r\n\r\n',
    '4\nabcd\n0\n\n',
    'ffffffffffffffff\r\nabcd',
    `4;${'x'.repeat(20_000)}\r\nabcd\r\n0\r\n\r\n`,
    `0\r\n${'X-Trailer: a\r\n'.repeat(4000)}\r\n`,
    '0\r\nContent-Length: 7\r\n\r\n',
    '\r\n\r\n',
  ])
  return `POST ${uploads}?digest=sha256:${'0'.repeat(64)} HTTP/1.1\r\n${known}Transfer-Encoding: chunked\r\n\r\n${chunks}`
}

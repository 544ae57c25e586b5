import { expect, test } from 'vitest'
import { type Challenge, parseChallenges } from './challenge.ts'

const bearer = { realm: 'https://auth.docker.io/token', service: 'registry.docker.io' }
const rows: readonly (readonly [header: string, challenges: readonly Challenge[]])[] = [
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
    [{ scheme: 'bearer', parameters: bearer }],
  ],
  [
    'BEARER Realm = "https://auth.docker.io/token" , service=registry.docker.io',
    [{ scheme: 'bearer', parameters: bearer }],
  ],
  [
    'Bearer realm="a",scope="repository:a/b:pull,push", Basic realm="say \\"x\\""',
    [
      { scheme: 'bearer', parameters: { realm: 'a', scope: 'repository:a/b:pull,push' } },
      { scheme: 'basic', parameters: { realm: 'say "x"' } },
    ],
  ],
  [
    'Negotiate, Basic realm=x',
    [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'x' } },
    ],
  ],
  ['', []],
  ['"', []],
]

test.each(rows)('%s', (header, challenges) => {
  expect(parseChallenges(header)).toEqual(challenges)
})

import { expect, test } from 'vitest'
import { type Client, clients } from './blocks.ts'
import { placeOf } from './place.ts'

const textOf = (client: Client, endpointUrl: string) =>
  clients[client]({ place: placeOf(endpointUrl), userName: 'ana' })
    .map(({ file, text, why }) => `${file ?? ''} ${text} ${why ?? ''}`)
    .join('\n')

test.for([
  ['https://registry.example.com/main', 'registry.example.com', false, false, false],
  ['http://registry.example.com/main', 'registry.example.com', true, false, false],
  ['http://prodserver/main', 'prodserver:80', true, false, true],
  ['https://prodserver/main', 'prodserver:443', false, false, true],
  ['https://prodserver:8443/main', 'prodserver:8443', false, false, false],
  ['http://localhost:8624/main', 'localhost:8624', true, true, false],
  ['http://localhost/main', 'localhost', true, true, false],
  ['http://127.0.0.1:8624/main', '127.0.0.1:8624', true, true, false],
  ['http://[::1]:8624/main', '[::1]:8624', true, true, false],
] as const)('%s is written %s', ([url, host, isPlainHttp, isLocal, isShortName]) => {
  expect(placeOf(url)).toEqual({ host, prefix: `${host}/main`, isPlainHttp, isLocal, isShortName })
})

test('a login never has the name of the registry, an image always', () => {
  const text = textOf('docker', 'https://registry.example.com/main')
  expect(text).toContain('docker login -u ana registry.example.com ')
  expect(text).toContain('docker push registry.example.com/main/my-app:1.0')
})

test('plain HTTP is told to each client that refuses it, and to docker not for its own machine', () => {
  expect(textOf('docker', 'http://prod:8624/main')).toContain(
    '{"insecure-registries":["prod:8624"]}',
  )
  expect(textOf('docker', 'http://localhost:8624/main')).not.toContain('insecure')
  expect(textOf('podman', 'http://localhost:8624/main')).toContain('insecure = true')
  expect(textOf('kubernetes', 'http://prod:8624/main')).toContain('server = "http://prod:8624"')
  expect(textOf('helm', 'http://prod:8624/main').match(/--plain-http/g)).toHaveLength(3)
})

test('with HTTPS each is told where an authority of one’s own goes', () => {
  for (const client of ['docker', 'podman', 'kubernetes'] as const) {
    expect(textOf(client, 'https://prod:8624/main')).toContain('prod:8624')
    expect(textOf(client, 'https://prod:8624/main')).toMatch(/ca\.crt/)
    expect(textOf(client, 'https://prod:8624/main')).not.toContain('insecure')
  }
})

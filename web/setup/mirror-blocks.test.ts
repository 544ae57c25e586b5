import { expect, test } from 'vitest'
import { type MirrorClient, type MirrorWanted, mirrorClients, whyNone } from './mirror-blocks.ts'
import { placeOf } from './place.ts'

const hub: MirrorWanted = {
  place: placeOf('https://registry.example.com/hub'),
  ...{ mirrorOf: 'docker.io', defaultMirror: true, isPublic: true },
}
const fileOf = (client: MirrorClient, wanted: MirrorWanted) =>
  mirrorClients[client](wanted).find(({ file }) => file !== undefined)

test('containerd is sent to the server, which learns from it whose names it asks for', () => {
  expect(fileOf('containerd', hub)).toMatchObject({
    file: '/etc/containerd/certs.d/docker.io/hosts.toml',
    text: `server = "https://registry-1.docker.io"

[host."https://registry.example.com"]
  capabilities = ["pull", "resolve"]
  # Only with a certificate of your own:
  # ca = "/etc/containerd/certs.d/ca.crt"`,
  })
  const plain = { ...hub, place: placeOf('http://prod:8624/q'), mirrorOf: 'quay.io' }
  expect(fileOf('containerd', plain)?.text).toBe(
    'server = "https://quay.io"\n\n[host."http://prod:8624"]\n  capabilities = ["pull", "resolve"]',
  )
  expect(fileOf('containerd', { ...hub, isPublic: false })?.text).toContain(
    '[host."https://registry.example.com".header]\n    authorization = "Basic ',
  )
})

test('podman puts the registry itself in the place of the host', () => {
  expect(fileOf('podman', hub)?.text).toBe(
    '[[registry]]\nlocation = "docker.io"\n\n[[registry.mirror]]\nlocation = "registry.example.com/hub"',
  )
  const plain = { ...hub, place: placeOf('http://localhost:8624/hub') }
  expect(fileOf('podman', plain)?.text).toMatch(
    /location = "localhost:8624\/hub"\ninsecure = true$/,
  )
})

test('docker has the default mirror alone, and signs in nowhere', () => {
  expect(JSON.parse(fileOf('docker', hub)?.text ?? '')).toEqual({
    'registry-mirrors': ['https://registry.example.com'],
  })
  const plain = { ...hub, place: placeOf('http://prod:8624/hub') }
  expect(JSON.parse(fileOf('docker', plain)?.text ?? '')).toEqual({
    'registry-mirrors': ['http://prod:8624'],
    'insecure-registries': ['prod:8624'],
  })
  expect(fileOf('docker', { ...hub, isPublic: false })?.why).toContain('no login')
})

test('what a registry cannot be to a client is told', () => {
  const one = { ...hub, defaultMirror: false }
  expect(mirrorClients.docker(one)).toEqual([])
  expect(whyNone('docker', one)).toContain('default mirror')
  expect(whyNone('containerd', { ...hub, mirrorOf: null })).toContain('mirror of no host')
  expect(whyNone('podman', hub)).toBeUndefined()
})

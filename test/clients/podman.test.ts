import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand, runSuccessfully } from '../support/command.ts'
import { makeContainerStorage } from '../support/container-storage.ts'
import { describeWith } from '../support/describe-with.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { basicAuthorization } from '../support/registry-client.ts'
import { needs } from '../support/require.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const podman = needs({ program: 'podman', package: 'podman' })
const busybox = needs({ program: 'busybox', package: 'busybox-static' })
const folder = makeTemporaryFolder('podman')
const storage = makeContainerStorage(folder.path)
const authFile = ['--authfile', inside('auth.json')]
const remote = ['--tls-verify=false', ...authFile]

afterAll(() => folder[Symbol.asyncDispose]())

describeWith('podman', [podman.reason, busybox.reason], () => {
  let server: ServerProcess

  beforeAll(async () => {
    server = await startProcess({ dataDir: inside('data') })
  })

  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })

  test('is told that a password is wrong', async () => {
    const login = await run('login', ...remote, ...user('wrong'), server.host)
    expect(login.code).not.toBe(0)
    expect(login.output).toMatch(/invalid username\/password|unauthorized/i)
  })

  test('logs in, builds, pushes, pulls and runs', async () => {
    await must('login', ...remote, ...user(adminPassword), server.host)
    await buildImage('app:1')
    await must('push', ...storage.policyFlag, ...remote, ...digestFile(), image('app:1'))
    const digest = await readFile(inside('digest'), 'utf8')
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    for (const reference of [image('app:1'), image(`app@${digest}`)]) {
      await must('rmi', '--all', '--force')
      await must('pull', ...storage.policyFlag, ...remote, reference)
      const seen = await must('image', 'inspect', '--format', '{{.Digest}}', reference)
      expect(seen.trim()).toBe(digest)
      expect(await runContainer(reference)).toBe('it runs\n')
    }
  })

  test('pushes the same image as OCI and as Docker schema 2', async () => {
    await buildImage('formats:1')
    for (const [format, type] of [
      ['oci', 'application/vnd.oci.image.manifest.v1+json'],
      ['v2s2', 'application/vnd.docker.distribution.manifest.v2+json'],
    ] as const) {
      const target = image(`formats:${format}`)
      const local = image('formats:1')
      await must('push', ...storage.policyFlag, ...remote, '--format', format, local, target)
      expect((await readManifest(`formats/manifests/${format}`)).mediaType).toBe(type)
    }
  })

  test('pushes zstd layers and pulls them', async () => {
    await buildImage('zstd:1')
    const compression = ['--compression-format', 'zstd']
    await must('push', ...storage.policyFlag, ...remote, ...compression, image('zstd:1'))
    const { layers } = await readManifest('zstd/manifests/1')
    expect(layers?.[0]?.mediaType).toBe('application/vnd.oci.image.layer.v1.tar+zstd')
    await must('rmi', '--all', '--force')
    await must('pull', ...storage.policyFlag, ...remote, image('zstd:1'))
    expect(await runContainer(image('zstd:1'))).toBe('it runs\n')
  })

  test('finds nothing after it has logged out', async () => {
    await must('logout', ...authFile, server.host)
    const pull = await run('pull', ...storage.policyFlag, ...remote, image('app:1'))
    expect(pull.code).not.toBe(0)
    expect(pull.output).toMatch(/unauthorized|authentication required/i)
  })

  function image(reference: string): string {
    return `${server.host}/main/podman/${reference}`
  }

  async function readManifest(target: string): Promise<ImageManifest> {
    const headers = { authorization: basicAuthorization('Admin', adminPassword) }
    const answer = await fetch(`${server.url}/v2/main/podman/${target}`, { headers })
    return (await answer.json()) as ImageManifest
  }

  async function buildImage(reference: string) {
    const context = inside('context')
    await mkdir(context, { recursive: true })
    await copyFile(busybox.file, path.join(context, 'busybox'))
    // Layers of its own: podman reuses, as they are, those that it knows to be in the registry.
    await writeFile(path.join(context, 'note'), reference)
    const lines = [
      'FROM scratch',
      'COPY busybox note /bin/',
      'CMD ["/bin/busybox","echo","it runs"]',
    ]
    await writeFile(path.join(context, 'Dockerfile'), lines.join('\n'))
    const isolated = ['--isolation', 'chroot', ...storage.policyFlag]
    await must('build', ...isolated, '--tag', image(reference), context)
  }
})

interface ImageManifest {
  readonly mediaType: string
  readonly layers?: readonly { readonly mediaType: string }[]
}

function inside(name: string): string {
  return path.join(folder.path, name)
}

function user(password: string): string[] {
  return ['--username', 'Admin', '--password', password]
}

function digestFile(): string[] {
  return ['--digestfile', inside('digest')]
}

/** Its own flags keep what it notes about containers in the folder, too. */
const own = [
  ...['--cgroup-manager', 'cgroupfs', '--events-backend', 'none', '--tmpdir', inside('tmp')],
  ...storage.flags,
]

function run(...args: readonly string[]) {
  return runCommand(podman.file, [...own, ...args], { env: storage.env })
}

function must(...args: readonly string[]) {
  return runSuccessfully(podman.file, [...own, ...args], { env: storage.env })
}

/** A machine that is a container itself may not raise its limits: these are low. */
function runContainer(reference: string) {
  const isolated = [
    '--network',
    'none',
    '--ulimit',
    'nofile=256:256',
    '--ulimit',
    'nproc=256:256',
    '--pull',
    'never',
  ]
  return must('run', '--rm', ...isolated, reference)
}

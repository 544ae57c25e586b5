import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand, runSuccessfully } from '../support/command.ts'
import { makeContainerStorage } from '../support/container-storage.ts'
import { describeWith } from '../support/describe-with.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { needs } from '../support/require.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const buildah = needs({ program: 'buildah', package: 'buildah' })
const busybox = needs({ program: 'busybox', package: 'busybox-static' })
const folder = makeTemporaryFolder('buildah')
const storage = makeContainerStorage(folder.path)
const remote = ['--tls-verify=false', '--creds', `Admin:${adminPassword}`, ...storage.policyFlag]

afterAll(() => folder[Symbol.asyncDispose]())

describeWith('buildah', [buildah.reason, busybox.reason], () => {
  let server: ServerProcess

  beforeAll(async () => {
    server = await startProcess({ dataDir: inside('data') })
  })

  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })

  test('builds an image, pushes it, and builds on it after a pull', async () => {
    const base = image('base:1')
    const digest = await pushNew(base, 'base')
    await must('rmi', '--all', '--force')
    const container = (await must('from', ...remote, base)).trim()
    const run = ['run', '--isolation', 'chroot', container, '/bin/busybox', 'cat', '/note']
    expect((await must(...run)).trim()).toBe('base')
    await must('config', '--env', 'A=B', container)
    await must('commit', '--rm', container, image('derived:1'))
    await must('push', ...remote, image('derived:1'))
    expect(await pull(base)).toBe(digest)
  })

  test('pushes a manifest list of images that are in the registry', async () => {
    const digest = await pushNew(image('one:1'), 'one')
    await must('manifest', 'create', 'list')
    await must('manifest', 'add', ...manifestRemote(), 'list', `docker://${image('one:1')}`)
    const target = `docker://${image('list:1')}`
    await must('manifest', 'push', '--all', ...remote, 'list', target)
    const list = JSON.parse(await must('manifest', 'inspect', 'list'))
    expect(list.manifests[0].digest).toBe(digest)
    expect(await pull(image('list:1'))).toMatch(/^sha256:/)
  })

  test('is refused with a wrong password', async () => {
    const wrong = ['--tls-verify=false', '--creds', 'Admin:wrong', ...storage.policyFlag]
    const result = await runCommand(
      buildah.file,
      [...storage.flags, 'pull', ...wrong, image('never-seen:1')],
      { env: storage.env },
    )
    expect(result.code).not.toBe(0)
    expect(result.output).toMatch(/unauthorized|invalid username/i)
  })

  function image(reference: string): string {
    return `${server.host}/main/buildah/${reference}`
  }
})

/** Makes an image of busybox and a note, and pushes it. Returns its digest. */
async function pushNew(name: string, note: string): Promise<string> {
  const container = (await must('from', 'scratch')).trim()
  await must('copy', container, busybox.file, '/bin/busybox')
  await must('run', '--isolation', 'chroot', container, ...writeNote(note))
  await must('commit', '--rm', ...storage.policyFlag, container, name)
  await must('push', ...remote, '--digestfile', inside('digest'), name)
  return readFile(inside('digest'), 'utf8')
}

function writeNote(note: string): string[] {
  return ['/bin/busybox', 'sh', '-c', `echo ${note} > /note`]
}

/** Pulls what is not here any more; returns the digest that the registry named. */
async function pull(name: string): Promise<string> {
  await must('rmi', '--all', '--force')
  await must('pull', ...remote, name)
  return (await must('images', '--format', '{{.Digest}}', name)).trim()
}

function manifestRemote(): string[] {
  return ['--tls-verify=false', '--creds', `Admin:${adminPassword}`]
}

function inside(name: string): string {
  return path.join(folder.path, name)
}

function must(...args: readonly string[]): Promise<string> {
  return runSuccessfully(buildah.file, [...storage.flags, ...args], { env: storage.env })
}

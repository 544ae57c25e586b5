import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type CommandResult, runSuccessfully } from '../support/command.ts'
import { type Containerd, startContainerd } from '../support/containerd.ts'
import { describeWith } from '../support/describe-with.ts'
import { makeOciLayout, type OciLayout } from '../support/oci-layout.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { needs } from '../support/require.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const containerdFound = needs({ program: 'containerd', package: 'containerd' })
const ctrFound = needs({ program: 'ctr', package: 'containerd' })
const skopeo = needs({ program: 'skopeo', package: 'skopeo' })
const folder = makeTemporaryFolder('containerd')
const remote = ['--plain-http', '--user', `Admin:${adminPassword}`]

afterAll(() => folder[Symbol.asyncDispose]())

describeWith('containerd', [containerdFound.reason, ctrFound.reason, skopeo.reason], () => {
  let server: ServerProcess
  let containerd: Containerd
  let layout: OciLayout

  beforeAll(async () => {
    server = await startProcess({ dataDir: inside('data') })
    containerd = await startContainerd(
      { containerd: containerdFound.file, ctr: ctrFound.file },
      inside('containerd'),
    )
    await mkdir(inside('layout'))
    layout = await makeOciLayout(inside('layout'), '1')
    const target = ['--dest-tls-verify=false', '--dest-creds', `Admin:${adminPassword}`]
    const copy = ['--insecure-policy', 'copy', '--all', ...target]
    await runSuccessfully(skopeo.file, [...copy, layout.reference, `docker://${image('app:1')}`])
  })

  afterAll(async () => {
    await containerd[Symbol.asyncDispose]()
    expect(await server.stop()).toBe(0)
  })

  test('pulls an index with all its platforms', async () => {
    await pull(image('app:1'))
    const kept = (await must('content', 'ls', '--quiet')).split('\n')
    for (const digest of layout.contents.keys()) expect(kept).toContain(digest)
    expect(await must('images', 'ls', `name==${image('app:1')}`)).toContain(layout.indexDigest)
  })

  test('pushes what it pulled, and pulls that again by tag and by digest', async () => {
    await pull(image('app:1'))
    await must('images', 'push', ...remote, image('copy:1'), image('app:1'))
    for (const reference of ['copy:1', `copy@${layout.indexDigest}`].map(image)) {
      await forget()
      await pull(reference)
      const kept = (await must('content', 'ls', '--quiet')).split('\n')
      for (const digest of layout.contents.keys()) expect(kept).toContain(digest)
    }
  })

  test('is refused without and with wrong credentials', async () => {
    await forget()
    for (const user of [[], ['--user', 'Admin:wrong']]) {
      const args = ['--plain-http', ...user, '--snapshotter', 'native', image('app:1')]
      const result = await containerd.ctr('images', 'pull', ...args)
      expect(result.code).not.toBe(0)
      expect(result.output).toMatch(/401|unauthorized|authorization failed/i)
    }
  })

  function image(reference: string): string {
    return `${server.host}/main/ctr/${reference}`
  }

  async function pull(name: string) {
    const all = ['--all-platforms', '--snapshotter', 'native']
    await must('images', 'pull', ...remote, ...all, name)
  }

  async function must(...args: readonly string[]): Promise<string> {
    const result: CommandResult = await containerd.ctr(...args)
    expect(result.code, result.output).toBe(0)
    return result.stdout
  }

  /** Drops every image and what only they needed. */
  async function forget() {
    const images = (await must('images', 'ls', '--quiet')).split('\n').filter((name) => name !== '')
    if (images.length > 0) await must('images', 'rm', '--sync', ...images)
    expect((await must('content', 'ls', '--quiet')).trim()).toBe('')
  }
})

function inside(name: string): string {
  return path.join(folder.path, name)
}

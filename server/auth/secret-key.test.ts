import { spawn } from 'node:child_process'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts'
import { openSecretKey } from './secret-key.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const signing = async (options: { dataDir: string; configured: string | null }) =>
  hex((await openSecretKey(options)).deriveKey('token-signing'))

test('the first start makes the key, later ones find it', async () => {
  await using folder = makeTemporaryFolder('secret-key')
  const options = { dataDir: folder.path, configured: null }
  const first = await signing(options)
  expect(first).toMatch(/^[0-9a-f]{64}$/)
  expect(await signing(options)).toBe(first)
  const file = path.join(folder.path, 'secret.key')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readFile(file, 'utf8')).toMatch(/^[\w-]{43}\n$/)
})

test('every folder gets another key, every purpose another part of it', async () => {
  await using one = makeTemporaryFolder('secret-key')
  await using two = makeTemporaryFolder('secret-key')
  const key = await openSecretKey({ dataDir: one.path, configured: null })
  expect(hex(key.deriveKey('stored-credentials'))).not.toBe(hex(key.deriveKey('token-signing')))
  expect(await signing({ dataDir: two.path, configured: null })).not.toBe(
    hex(key.deriveKey('token-signing')),
  )
})

test('a configured secret needs no file and is the same everywhere', async () => {
  await using folder = makeTemporaryFolder('secret-key')
  const configured = 'an example of thirty-two letters!'
  const options = { dataDir: folder.path, configured }
  const key = await signing(options)
  expect(await signing({ dataDir: '/nowhere', configured: `${configured}\n` })).toBe(key)
  await expect(stat(path.join(folder.path, 'secret.key'))).rejects.toThrow('ENOENT')
})

test('a configured secret that is too short is refused, and not repeated', async () => {
  const opened = openSecretKey({ dataDir: '/nowhere', configured: `  ${'ab'.repeat(15)}  ` })
  await expect(opened).rejects.toThrow(/too short: at least 32 characters/)
  await expect(opened).rejects.not.toThrow(/abab/)
})

test.each(['', '\n', 'short\n', 'x'.repeat(31)])(
  'a file that is too short is refused (%#)',
  async (content) => {
    await using folder = makeTemporaryFolder('secret-key')
    const file = path.join(folder.path, 'secret.key')
    await writeFile(file, content, { mode: 0o600 })
    await expect(signing({ dataDir: folder.path, configured: null })).rejects.toThrow(
      /secret\.key is too short/,
    )
    expect(await readFile(file, 'utf8')).toBe(content)
  },
)

test('a file that everybody may read is refused', async () => {
  await using folder = makeTemporaryFolder('secret-key')
  const options = { dataDir: folder.path, configured: null }
  const key = await signing(options)
  const file = path.join(folder.path, 'secret.key')
  await chmod(file, 0o644)
  await expect(signing(options)).rejects.toThrow(/can be read by every user.*chmod 600/)
  await chmod(file, 0o640)
  expect(await signing(options)).toBe(key)
})

test('a folder that is missing is named', async () => {
  await using folder = makeTemporaryFolder('secret-key')
  const dataDir = path.join(folder.path, 'missing')
  await expect(signing({ dataDir, configured: null })).rejects.toMatchObject({
    code: 'INTERNAL',
    message: expect.stringContaining(path.join(dataDir, 'secret.key')),
  })
})

test('many that race in one process get the same key', async () => {
  await using folder = makeTemporaryFolder('secret-key')
  const options = { dataDir: folder.path, configured: null }
  const keys = await Promise.all(Array.from({ length: 20 }, () => signing(options)))
  expect(new Set(keys).size).toBe(1)
})

test('processes that race get the same key', async () => {
  await using folder = makeTemporaryFolder('secret-key')
  const module = pathToFileURL(path.join(import.meta.dirname, 'secret-key.ts')).href
  const script = `
    const { openSecretKey } = await import(${JSON.stringify(module)})
    const key = await openSecretKey({ dataDir: ${JSON.stringify(folder.path)}, configured: null })
    process.stdout.write(Buffer.from(key.deriveKey('token-signing')).toString('hex'))`
  const keys = await Promise.all([run(script), run(script), run(script)])
  expect(keys[0]).toMatch(/^[0-9a-f]{64}$/)
  expect(new Set(keys).size).toBe(1)
})

function run(script: string): Promise<string> {
  const cwd = fileURLToPath(new URL('../../', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.on('error', reject)
    child.on('close', () => resolve(output))
  })
}

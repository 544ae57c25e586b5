import { readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { basic, openAccounts } from '../../test/support/accounts.ts'
import { describeDatabases } from '../../test/support/databases.ts'
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts'
import { findUserByKey } from '../db/users.ts'
import { may } from '../domain/permission.ts'
import { createFirstAdministrator } from './first-administrator.ts'
import { resetPassword } from './users.ts'

const fileIn = (dataDir: string) => path.join(dataDir, 'initial-admin-password')

describeDatabases('the first administrator', (databases) => {
  async function freshServer() {
    const folder = makeTemporaryFolder('users')
    const db = await databases.open()
    const accounts = await openAccounts(db)
    const { passwords } = accounts
    return {
      ...accounts,
      dataDir: folder.path,
      start: (configured: string | null = null) =>
        createFirstAdministrator({ ...{ db, passwords, configured }, dataDir: folder.path }),
      logsIn: (password: string) =>
        accounts.authenticator.authenticate(basic('admin', password)).then(
          () => true,
          () => false,
        ),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    }
  }

  test('gets a password that is made up and kept in a file', async () => {
    await using server = await freshServer()
    const first = await server.start()
    const password = first?.generatedPassword ?? ''
    expect(first).toEqual({
      userName: 'Admin',
      generatedPassword: expect.stringMatching(/^[A-Za-z2-9]{24}$/),
      passwordFile: fileIn(server.dataDir),
    })
    expect(await readFile(fileIn(server.dataDir), 'utf8')).toBe(`${password}\n`)
    expect((await stat(fileIn(server.dataDir))).mode & 0o777).toBe(0o600)
    const { principal } = await server.authenticator.authenticate(basic('Admin', password))
    expect(may(principal, 'Admin_ConfigureProGet', null)).toBe(true)
    expect(await server.start()).toBeNull()
    expect(await server.logsIn(password)).toBe(true)
  })

  test('gets the password that was configured, which is in no file', async () => {
    await using server = await freshServer()
    expect(await server.start('configured one')).toEqual({
      userName: 'Admin',
      generatedPassword: null,
      passwordFile: null,
    })
    expect(await server.logsIn('configured one')).toBe(true)
    await expect(stat(fileIn(server.dataDir))).rejects.toThrow('ENOENT')
  })

  test('is not made with a password that breaks the rules', async () => {
    await using server = await freshServer()
    await expect(server.start('short')).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
    expect(await findUserByKey(server.db.read, 'admin')).toBeUndefined()
  })

  test('of a start that was cut off has the password that was written then', async () => {
    await using server = await freshServer()
    const written = 'a'.repeat(24)
    await writeFile(fileIn(server.dataDir), `${written}\n`, { mode: 0o600 })
    expect((await server.start())?.generatedPassword).toBe(written)
    expect(await server.logsIn(written)).toBe(true)
  })

  test('is made once by starts that race, and the file tells the truth', async () => {
    await using server = await freshServer()
    const results = await Promise.all(Array.from({ length: 4 }, () => server.start()))
    expect(results.filter((result) => result !== null)).toHaveLength(1)
    const password = (await readFile(fileIn(server.dataDir), 'utf8')).trim()
    expect(await server.logsIn(password)).toBe(true)
    const users = await server.db.read.selectFrom('users').select('id').execute()
    expect(users).toHaveLength(1)
  })

  test('of a database that another data folder serves leaves no password behind', async () => {
    await using server = await freshServer()
    await using elsewhere = makeTemporaryFolder('users')
    const results = await Promise.all([
      server.start(),
      createFirstAdministrator({
        ...{ db: server.db, passwords: server.passwords, configured: null },
        dataDir: elsewhere.path,
      }),
    ])
    const folders = [server.dataDir, elsewhere.path]
    const loser = folders[results.indexOf(null)] ?? ''
    await expect(stat(fileIn(loser))).rejects.toThrow('ENOENT')
  })

  test('changes the password: the old one and the file are gone', async () => {
    await using server = await freshServer()
    const old = (await server.start())?.generatedPassword ?? ''
    expect(await server.logsIn(old)).toBe(true)
    const input = { userName: 'ADMIN', password: 'brand new one' }
    expect(await resetPassword(server, input)).toBe('brand new one')
    server.pass(1000)
    expect(await server.logsIn(old)).toBe(false)
    expect(await server.logsIn('brand new one')).toBe(true)
    await expect(stat(fileIn(server.dataDir))).rejects.toThrow('ENOENT')
    const generated = await resetPassword(server, { userName: 'Admin', password: null })
    expect(generated).toMatch(/^[A-Za-z2-9]{24}$/)
    server.pass(1000)
    expect(await server.logsIn(generated)).toBe(true)
    // The next start does not make a file again.
    expect(await server.start()).toBeNull()
    await expect(stat(fileIn(server.dataDir))).rejects.toThrow('ENOENT')
  })

  test('keeps its file when somebody else changes a password', async () => {
    await using server = await freshServer()
    await server.start()
    await server.addUser('ann', 'first password')
    await resetPassword(server, { userName: 'ann', password: 'second password' })
    expect(await readFile(fileIn(server.dataDir), 'utf8')).toMatch(/^\w{24}\n$/)
  })

  test('a password cannot be reset for nobody, or to one that breaks the rules', async () => {
    await using server = await freshServer()
    await server.start('configured one')
    await expect(
      resetPassword(server, { userName: 'nobody', password: null }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(
      resetPassword(server, { userName: 'Admin', password: 'short' }),
    ).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
    expect(await server.logsIn('configured one')).toBe(true)
  })
})

import http from 'node:http'
import type { Client } from '../../contract/call.ts'
import { clientOf } from '../support/api-call.ts'
import { untilRulesAreNew } from '../support/people.ts'
import { pushBlob, pushImage, pushManifest } from '../support/push.ts'
import type { Found } from '../support/require.ts'
import type { Table } from '../support/rows.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { send } from '../support/wire.ts'
import { type Accounts, createAccounts, createRegistries } from './accounts.ts'
import { type Credentials, openCredentials } from './credentials.ts'
import { common, imagesOf, tagOf } from './images.ts'
import { nameOf, type Repository, repositories } from './world.ts'

/** A server with everything in it that the rules speak of. */
export interface Stage extends AsyncDisposable {
  readonly server: TestServer
  /** As `Admin`. */
  readonly admin: Client
  readonly table: Table
  readonly agent: http.Agent
  readonly keys: Accounts['keys']
  readonly credentials: Credentials
  /** Of a repository that is there, by its name, an upload that nobody may have ended. */
  readonly uploads: ReadonlyMap<string, string>
}

/** As many tags can be set at once. */
const tagsAtOnce = 100

export async function openStage(slapd: Found): Promise<Stage> {
  const closers: (() => PromiseLike<void>)[] = []
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    const server = await startServer()
    closers.push(() => server[Symbol.asyncDispose]())
    const admin = clientOf(server.url, server.admin)
    await createRegistries(admin)
    const table = { url: server.url, callers: { admin: server.admin } }
    const [accounts, uploads] = await Promise.all([
      createAccounts({ server, admin, slapd, closers }),
      fillAll(table),
    ])
    await untilRulesAreNew()
    const credentials = await openCredentials(server.url, accounts)
    await accounts.takeAway()
    await untilRulesAreNew()
    const agent = new http.Agent({ keepAlive: true, maxSockets: 24 })
    closers.push(async () => agent.destroy())
    const { keys } = accounts
    return { server, admin, table, agent, keys, credentials, uploads, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Images into every repository that is there, and an upload: by its name. */
async function fillAll(table: Table): Promise<ReadonlyMap<string, string>> {
  const uploads = new Map<string, string>()
  const fillOne = async (repository: Repository) => {
    await fill(table, repository)
    uploads.set(nameOf(repository), await beginUpload(table, nameOf(repository)))
  }
  await Promise.all(repositories.filter(({ kind }) => kind === 'there').map(fillOne))
  return uploads
}

/** As `Admin`; returns its id. */
export async function beginUpload(table: Table, name: string): Promise<string> {
  const authorization = table.callers.admin ?? ''
  const target = `/v2/${name}/blobs/uploads/`
  const answer = await send(table.url, { method: 'POST', target, headers: { authorization } })
  const id = answer.headers['docker-upload-uuid']
  if (id === undefined) throw new Error(`${target} began no upload: ${answer.status}`)
  return id
}

async function fill(table: Table, repository: Repository): Promise<void> {
  const name = nameOf(repository)
  const { image, other, all } = imagesOf(repository)
  await pushImage(table, name, image, ['v1'])
  await pushImage(table, name, other)
  await pushManifest(table, name, all, 'all')
  await pushBlob(table, name, common)
  const tags = Array.from({ length: tagsAtOnce }, (_, i) => `tag=${tagOf(i)}`)
  await pushManifest(table, name, image.manifest, `${image.manifest.digest}?${tags.join('&')}`)
}

import { randomBytes } from 'node:crypto'
import http from 'node:http'
import { createFeedKey } from '../support/admin.ts'
import { blob, type Image, image } from '../support/content.ts'
import { adminPassword, runEntrepot, type ServerProcess } from '../support/process.ts'
import { pushBlob, pushImage } from '../support/push.ts'
import { basicAuthorization, fetchToken } from '../support/registry-client.ts'
import type { Table } from '../support/rows.ts'
import { readOwnPages } from './own-pages.ts'

/** Whoever sends a request. */
export interface Caller {
  readonly name: string
  /** Undefined: Anonymous. */
  readonly authorization: string | undefined
  /** May pull from the private feed; nobody else may hear of what is in it. */
  readonly seesSecrets: boolean
}

/** A server with content, and what an attacker knows of it. */
export interface World {
  readonly host: string
  readonly logins: Logins
  readonly callers: readonly Caller[]
  /** `feed/repository`; of the private feed `secret` too, which only an administrator may see. */
  readonly names: readonly string[]
  readonly digests: readonly string[]
  readonly tags: readonly string[]
  /** A good token of the caller who may only view, and one of the administrator. */
  readonly viewerToken: string
  readonly adminToken: string
  /** `api:<key>` of the caller who may only view. */
  readonly viewerBasic: string
  /** What must never be seen by those who may not pull it; no request contains it. */
  readonly canaries: readonly string[]
  /** Blobs of `open/app` that manifests can be made of. */
  readonly parts: readonly { readonly digest: string; readonly size: number }[]
  readonly plain: Plain
  /** The HTML that the server answers with, where it does: see `isOwnPage`. */
  readonly pages: readonly string[]
}

interface Logins {
  readonly viewer: Login
  readonly admin: Login
}

interface Login {
  readonly user: string
  readonly password: string
}

/** What is pulled all the time; no hostile request names it. */
export interface Plain {
  readonly name: string
  readonly image: Image
  readonly layer: { readonly digest: string; readonly bytes: Buffer }
  readonly authorization: string
}

const settingsArriveMs = 1200
const largeLayerBytes = 256 * 1024

export async function makeWorld(server: ServerProcess): Promise<World> {
  for (const feed of ['open', 'secret', 'plain']) await createFeed(server.dataDir, feed)
  await new Promise((resolve) => setTimeout(resolve, settingsArriveMs))
  const key = (feed: string, permissions: ('view' | 'add')[]) =>
    createFeedKey(server.dataDir, { feed, permissions })
  const viewer = await key('open', ['view'])
  const pusher = await key('open', ['view', 'add'])
  const plainReader = await key('plain', ['view'])
  const admin = basicAuthorization('Admin', adminPassword)
  const table: Table = { url: server.url, callers: { admin } }
  const canary = `canary${randomBytes(12).toString('hex')}`
  const secret = secretImage(canary, 'known')
  const hidden = secretImage(canary, 'hidden')
  const open = image('open to some')
  const layer = blob('a larger layer', largeLayerBytes)
  await pushImage(table, 'open/app', open, ['latest', '1.0'])
  await pushBlob(table, 'open/app', layer)
  await pushImage(table, 'secret/app', secret, ['latest', `tag-${canary}`])
  await pushImage(table, `secret/${canary}`, hidden, ['latest'])
  const plainImage = image('pulled all the time')
  await pushImage(table, 'plain/app', plainImage, ['latest'])
  await pushBlob(table, 'plain/app', layer)
  const logins = {
    viewer: { user: 'api', password: viewer },
    admin: { user: 'Admin', password: adminPassword },
  }
  const { viewerToken, adminToken } = await fetchTokens(server.url, logins)
  const bystander = (name: string, authorization: string | undefined): Caller => ({
    name,
    authorization,
    seesSecrets: false,
  })
  return {
    host: server.host,
    logins,
    callers: [
      bystander('anonymous', undefined),
      bystander('viewer', basicAuthorization('api', viewer)),
      bystander('viewer with a token', viewerToken),
      bystander('pusher', basicAuthorization('api', pusher)),
      { name: 'admin', authorization: admin, seesSecrets: true },
      { name: 'admin with a token', authorization: adminToken, seesSecrets: true },
    ],
    names: [
      'open/app',
      'open/new',
      'open/a/b/c',
      'OPEN/app',
      'secret/app',
      'secret/none',
      'none/app',
    ],
    digests: [...digestsOf([open, secret]), layer.digest],
    tags: ['latest', '1.0', 'none'],
    viewerToken,
    adminToken,
    viewerBasic: `api:${viewer}`,
    canaries: [canary, ...digestsOf([hidden]).map((digest) => digest.slice('sha256:'.length))],
    parts: open.blobs.map(({ digest, size }) => ({ digest, size })),
    plain: {
      name: 'plain/app',
      image: plainImage,
      layer,
      authorization: basicAuthorization('api', plainReader),
    },
    pages: await readOwnPages(server.url),
  }
}

async function fetchTokens(url: string, logins: Logins) {
  const scopes = ['open/app', 'secret/app'].map((name) => `repository:${name}:pull,push,delete`)
  const viewerToken = await fetchToken(url, { ...logins.viewer, scopes })
  const adminToken = await fetchToken(url, { ...logins.admin, scopes })
  return { viewerToken, adminToken }
}

/** Tokens live for a few minutes. */
export async function renewTokens(world: World): Promise<World> {
  const tokens = await fetchTokens(`http://${world.host}`, world.logins)
  const renewed = new Map([
    [world.viewerToken, tokens.viewerToken],
    [world.adminToken, tokens.adminToken],
  ])
  const callers = world.callers.map((caller) => ({
    ...caller,
    authorization: renewed.get(caller.authorization ?? '') ?? caller.authorization,
  }))
  return { ...world, ...tokens, callers }
}

/** Its content is the canary too, wherever it could show. */
function secretImage(canary: string, seed: string): Image {
  return image(`${canary} ${seed}`, {
    configBytes: JSON.stringify({ architecture: 'amd64', os: 'linux', canary, seed }),
    fields: { annotations: { canary, seed } },
  })
}

function digestsOf(images: readonly Image[]): string[] {
  return images.flatMap(({ manifest, blobs }) => [manifest, ...blobs].map(({ digest }) => digest))
}

async function createFeed(dataDir: string, name: string): Promise<void> {
  const result = await runEntrepot(dataDir, ['feed', 'create', name])
  if (result.code !== 0) throw new Error(result.output)
}

/** After it all the private image is as it was, for who may see it. */
export async function readSecret(world: World): Promise<number> {
  const admin = world.callers.find(({ name }) => name === 'admin')?.authorization ?? ''
  return new Promise((resolve, reject) => {
    http
      .get(
        `http://${world.host}/v2/secret/app/manifests/latest`,
        { headers: { authorization: admin }, agent: false },
        (response) => resolve(response.resume().statusCode ?? 0),
      )
      .on('error', reject)
  })
}

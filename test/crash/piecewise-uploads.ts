import { createHash } from 'node:crypto'
import { locationOf, type Reply, sha256, withQuery } from '../support/registry-client.ts'
import { type BlobPusher, uploadsPath } from './blob-pushes.ts'
import { noteBlob, type OpenUpload, repositoryOf } from './ledger.ts'
import { demand, expectDigest, type Life } from './life.ts'

export interface PiecewisePusher extends BlobPusher {
  readonly number: number
  readonly uploads: OpenUpload[]
  readonly completed: Pick<OpenUpload, 'repository' | 'digest' | 'content'>[]
  serial: number
}

/** With more under way, a client goes on with one of them instead. */
const mostOpen = 6

/** Begins an upload that later actions, and later lives of the server, go on with. */
export async function startPieces(pusher: PiecewisePusher, life: Life): Promise<void> {
  const { random, ledger } = pusher
  if (pusher.uploads.length >= mostOpen) return continuePieces(pusher, life)
  const repository = random.pick(pusher.repositories)
  const start = await demand(life, { method: 'POST', path: uploadsPath({ repository }) }, [202])
  pusher.serial += 1
  const content = createHash('shake256', { outputLength: random.between(1_000, 200_000) })
    .update(`${random.next()}/${pusher.number}/${pusher.serial}`)
    .digest()
  const digest = sha256(content)
  const upload: OpenUpload = {
    repository,
    digest,
    content,
    location: locationOf(start, 'POST'),
    acknowledgedBytes: 0,
    sentBytes: 0,
    closing: false,
    cancelling: false,
  }
  ledger.uploads.add(upload)
  pusher.uploads.push(upload)
  await sendPiece(pusher, life, upload)
}

export async function continuePieces(pusher: PiecewisePusher, life: Life): Promise<void> {
  if (pusher.uploads.length === 0) return
  const upload = pusher.random.pick(pusher.uploads)
  if (upload.acknowledgedBytes < upload.content.byteLength) {
    await sendPiece(pusher, life, upload)
    return
  }
  await closeUpload(pusher, life, upload)
  pusher.completed.push(upload)
}

export async function cancelPieces(pusher: PiecewisePusher, life: Life): Promise<void> {
  if (pusher.uploads.length === 0) return
  const upload = pusher.random.pick(pusher.uploads)
  upload.cancelling = true
  await demand(life, { method: 'DELETE', path: upload.location }, [204])
  forgetUpload(pusher, upload)
}

/** Everything that is missing, then the closing PUT. */
export async function completeUpload(
  pusher: Pick<PiecewisePusher, 'ledger' | 'uploads'>,
  life: Life,
  upload: OpenUpload,
): Promise<void> {
  const rest = upload.content.subarray(upload.acknowledgedBytes)
  await closeUpload(pusher, life, upload, rest)
}

async function sendPiece(pusher: PiecewisePusher, life: Life, upload: OpenUpload): Promise<void> {
  const { random } = pusher
  const from = upload.acknowledgedBytes
  const to = Math.min(upload.content.byteLength, from + random.between(500, 60_000))
  const body = upload.content.subarray(from, to)
  upload.sentBytes = Math.max(upload.sentBytes, to)
  noteBlob(repositoryOf(pusher.ledger, upload.repository), upload.digest, { state: 'staged' })
  const ranged = random.chance(0.7)
  const reply = await demand(
    life,
    {
      method: 'PATCH',
      path: upload.location,
      body: random.chance(0.5) ? body : [body],
      headers: ranged ? { 'content-range': `${from}-${to - 1}` } : {},
    },
    [202],
  )
  if (reply.headers.range !== `0-${to - 1}`) {
    throw new Error(`PATCH to ${to} of ${upload.location}: Range ${reply.headers.range}`)
  }
  upload.acknowledgedBytes = to
  upload.location = locationOf(reply, 'PATCH')
}

async function closeUpload(
  pusher: Pick<PiecewisePusher, 'ledger' | 'uploads'>,
  life: Life,
  upload: OpenUpload,
  rest: Buffer = Buffer.alloc(0),
): Promise<void> {
  const repository = repositoryOf(pusher.ledger, upload.repository)
  noteBlob(repository, upload.digest, { state: 'sent', content: upload.content })
  upload.closing = true
  upload.sentBytes = upload.content.byteLength
  const path = withQuery(upload.location, 'digest', upload.digest)
  const reply: Reply = await demand(life, { method: 'PUT', path, body: rest }, [201])
  expectDigest(reply, upload.digest)
  noteBlob(repository, upload.digest, { state: 'acknowledged' })
  forgetUpload(pusher, upload)
}

export function forgetUpload(
  pusher: Pick<PiecewisePusher, 'ledger' | 'uploads'>,
  upload: OpenUpload,
): void {
  pusher.ledger.uploads.delete(upload)
  const at = pusher.uploads.indexOf(upload)
  if (at >= 0) pusher.uploads.splice(at, 1)
}

import { beginMove, forgetMove, noteBlob, noteManifest, repositoryOf } from './ledger.ts'
import { demand, type Life } from './life.ts'
import { ownTag, ownTags, type Pusher, pickOwn } from './pusher.ts'

export async function deleteOwnTag(pusher: Pusher, life: Life): Promise<void> {
  const where = { repository: pusher.random.pick(pusher.repositories), tag: ownTag(pusher) }
  const move = beginMove(pusher.ledger, where, null)
  const path = `/v2/${where.repository}/manifests/${where.tag}`
  const reply = await demand(life, { method: 'DELETE', path }, [202, 404])
  if (reply.status === 202) {
    move.heardAt = pusher.ledger.tick()
    return
  }
  forgetMove(pusher.ledger, where, move)
}

export async function deleteOwnManifest(pusher: Pusher, life: Life): Promise<void> {
  const own = pickOwn(pusher, 'acknowledged')
  if (own === undefined || own.pinned) return
  const { repository, digest } = own
  const ledger = repositoryOf(pusher.ledger, repository)
  // Its tags go with it. They are this client's, which does one thing at a time.
  const moves = ownTags(pusher)
    .filter((tag) => (ledger.tags.get(tag)?.at(-1)?.digest ?? null) === digest)
    .map((tag) => beginMove(pusher.ledger, { repository, tag }, null))
  noteManifest(ledger, digest, 'deleting')
  const path = `/v2/${repository}/manifests/${digest}`
  await demand(life, { method: 'DELETE', path }, [202])
  noteManifest(ledger, digest, 'deleted')
  const heardAt = pusher.ledger.tick()
  for (const move of moves) move.heardAt = heardAt
}

/** One that came in pieces: no manifest uses it, and nobody else knows it. */
export async function deleteOwnBlob(pusher: Pusher, life: Life): Promise<void> {
  const blob = pusher.completed.shift()
  if (blob === undefined) return
  const ledger = repositoryOf(pusher.ledger, blob.repository)
  noteBlob(ledger, blob.digest, { state: 'deleting' })
  const path = `/v2/${blob.repository}/blobs/${blob.digest}`
  await demand(life, { method: 'DELETE', path }, [202])
  noteBlob(ledger, blob.digest, { state: 'deleted' })
  if (pusher.random.chance(0.5)) return
  noteBlob(ledger, blob.digest, { state: 'sent', content: blob.content })
  const again = `/v2/${blob.repository}/blobs/uploads/?digest=${blob.digest}`
  await demand(life, { method: 'POST', path: again, body: blob.content }, [201])
  noteBlob(ledger, blob.digest, { state: 'acknowledged' })
}

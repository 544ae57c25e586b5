import { sha256 } from '../support/registry-client.ts'
import { possibleDigests, repositoryOf, settleTag, type TagMove } from './ledger.ts'
import { demand, type Life } from './life.ts'
import { type Content, forEach, type Look, pathOf, read } from './look.ts'

/** What tags, their lists and the catalog say. `whole`: pulls what unmoved tags name, too. */
export async function checkTags(look: Look, whole: boolean): Promise<void> {
  for (const [name, repository] of look.ledger.repositories) {
    const listed = new Set(await listPages(look.life, `/v2/${name}/tags/list?n=5`, 'tags'))
    for (const tag of listed) {
      if (!repository.tags.has(tag)) look.ledger.faults.push(`${name}: nobody made the tag ${tag}`)
    }
    await forEach(look, repository.tags, ([tag, moves]) =>
      checkTag(look, { repository: name, tag, moves, listed: listed.has(tag), whole }),
    )
  }
  await checkCatalog(look)
}

interface SeenTag {
  readonly repository: string
  readonly tag: string
  readonly moves: readonly TagMove[]
  readonly listed: boolean
  readonly whole: boolean
}

async function checkTag(look: Look, where: SeenTag): Promise<void> {
  const { repository, moves } = where
  const path = `/v2/${repository}/manifests/${where.tag}`
  const reply = await demand(look.life, { method: 'GET', path }, [200, 404])
  const seen = reply.status === 200 ? sha256(reply.body) : null
  if (where.listed !== (seen !== null)) {
    throw new Error(`${path}: ${reply.status}, but ${where.listed ? '' : 'not '}in the list`)
  }
  const possible = possibleDigests(moves)
  settleTag(look.ledger, where, seen)
  if (!possible.has(seen)) {
    throw new Error(
      `${path}: ${seen}, when it can only be ${[...possible].map(String).join(' or ')}`,
    )
  }
  const moved = moves.length > 1
  if (seen !== null && (moved || where.whole)) await pullWhole(look, { repository, digest: seen })
}

/** A manifest that is shown is complete: all that it refers to can be read and hashes right. */
async function pullWhole(
  look: Look,
  image: { readonly repository: string; readonly digest: string },
): Promise<void> {
  const { repository } = image
  const entry = repositoryOf(look.ledger, repository).manifests.get(image.digest)
  if (entry === undefined) throw new Error(`${repository}: a strange image ${image.digest}`)
  const references: Content[] = [
    ...entry.blobs.map((digest) => ({ kind: 'blobs' as const, repository, digest })),
    ...entry.children.map((digest) => ({ kind: 'manifests' as const, repository, digest })),
  ]
  for (const reference of references) {
    if (!look.read.has(pathOf(reference))) await read(look, reference, [200])
  }
  for (const digest of entry.children) await pullWhole(look, { repository, digest })
}

async function checkCatalog({ ledger, life }: Look): Promise<void> {
  const listed = await listPages(life, '/v2/_catalog?n=2', 'repositories')
  for (const [name, { manifests }] of ledger.repositories) {
    const filled = [...manifests.values()].some((entry) => entry.state === 'acknowledged')
    if (filled && !listed.includes(name)) ledger.faults.push(`${name} is not in the catalog`)
  }
}

async function listPages(life: Life, path: string, field: string): Promise<string[]> {
  const reply = await demand(life, { method: 'GET', path }, [200, 404])
  if (reply.status === 404) return []
  const page: Record<string, unknown> = JSON.parse(reply.body.toString())
  const names: unknown = page[field]
  if (!Array.isArray(names)) throw new Error(`${path}: no ${field}`)
  const next = /^<([^>]+)>/.exec(reply.headers.link?.toString() ?? '')?.[1]
  const here = names.map(String)
  return next === undefined ? here : [...here, ...(await listPages(life, next, field))]
}

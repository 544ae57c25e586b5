import { sql } from 'kysely'
import { digestFor } from '../support/database-content.ts'
import { graceMs, type Stage } from './stage.ts'

/** What the database holds, by key, without what differs from round to round: ids and times. */
export type Picture = ReadonlyMap<string, string>

const names = ['config', 'shared', 'loose', 'spare', 'sig-layer', 'rare', 'image', 'child']
names.push('orphan', 'index', 'sig', 'new image', 'new index', 'new sig', 'sparse')
names.push('stale', 'bare', 'lost', 'uses stale', 'holds lost', 'sig of lost')
names.push('piece of 0', 'piece of 1', 'piece of 2')
const nameOf = new Map(names.map((name) => [digestFor(name), name]))

/** `since` is when the round began: what was renewed after it is so for the whole grace time. */
export async function takePicture({ content }: Stage, since: number): Promise<Picture> {
  const { rows } = await sql<{
    name: string
    value: string | null
  }>`${sql.raw(query(since))}`.execute(content.db.read)
  const picture = new Map<string, string>()
  for (const row of rows) {
    const key = named(row.name)
    const values = [picture.get(key) ?? [], named(row.value ?? 'null')].flat()
    picture.set(key, values.join(', '))
  }
  return picture
}

function named(text: string): string {
  return text.replaceAll(/sha256:[0-9a-f]{64}/g, (digest) => nameOf.get(digest) ?? digest)
}

/** `alive` is how leases begin, `expired` those of what is in use; `now`: the clock was set. */
function lease(since: number): string {
  return `case when lease_until >= ${since + graceMs} then 'renewed'
    when lease_until >= ${since + graceMs / 8} then 'alive'
    when lease_until >= ${since} then 'now' else 'expired' end`
}

function query(since: number): string {
  const place = 'r.name'
  return `
    select 'link ' || ${place} || ' ' || l.digest as name, ${lease(since)} as value
      from links l join repositories r on r.id = l.repository_id
    union all
    select 'manifest ' || ${place} || ' ' || m.digest, ${lease(since)}
      || case when orphaned_since is null then '' else ' orphan' end
      from manifests m join repositories r on r.id = m.repository_id
    union all
    select 'content of ' || m.digest, coalesce(length(c.content), -1) || ' bytes of ' || m.size_bytes
      from manifests m left join manifest_contents c on c.manifest_id = m.id
    union all
    select 'edge ' || ${place} || ' ' || m.digest || ' ' || e.digest, e.role
      from manifest_blobs e join manifests m on m.id = e.manifest_id
      join repositories r on r.id = m.repository_id
    union all
    select 'child ' || p.digest || ' ' || c.digest, 'yes' from manifest_children e
      join manifests p on p.id = e.parent_id join manifests c on c.id = e.child_id
    union all
    select 'wanted ' || m.digest || ' ' || w.digest, w.role
      from wanted w join manifests m on m.id = w.manifest_id
    union all
    select 'tag ' || ${place} || ' ' || t.name, m.digest from tags t
      join manifests m on m.id = t.manifest_id join repositories r on r.id = t.repository_id
    union all
    select 'upload ' || id, state || ' epoch ' || epoch || ' offset ' || offset_bytes || ' ' ||
      coalesce(digest_so_far, '') from uploads
    union all
    select 'candidate ' || kind || ' ' || scope_id || ' ' || digest, 'yes'
      from candidates group by kind, scope_id, digest
    union all
    select 'blob ' || digest, location || ' ' || state from blobs
    union all
    select 'freed ' || location, 'yes' from freed_locations
    union all
    select 'repository ' || name, 'listed ' || listed from repositories
    union all
    select 'history ' || ${place} || ' ' || h.name, coalesce(h.digest, 'gone') from (
      select * from tag_history order by id) h join repositories r on r.id = h.repository_id
    union all
    select 'events ' || kind || ' ' || detail, 'times ' || count(*) from events
      group by kind, detail
    order by 1, 2`
}

/** What one has and the other has not, or has otherwise. */
export function differences(one: Picture, other: Picture): string[] {
  const keys = [...new Set([...one.keys(), ...other.keys()])]
  return keys
    .filter((key) => one.get(key) !== other.get(key))
    .map((key) => `${key}: ${one.get(key) ?? 'none'}, not ${other.get(key) ?? 'none'}`)
}

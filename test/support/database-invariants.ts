import { sql } from 'kysely'
import type { Queries } from '../../server/db/database.ts'

/** Rules that hold between any two transactions, as queries for what breaks them. */
const rules: Readonly<Record<string, string>> = {
  'an edge without its link': `
    select e.digest from manifest_blobs e where not exists (
      select 1 from links l where l.repository_id = e.repository_id and l.digest = e.digest)`,
  'an edge in another repository than its manifest': `
    select e.digest from manifest_blobs e join manifests m on m.id = e.manifest_id
    where m.repository_id <> e.repository_id
    union all
    select c.digest from manifest_children e
    join manifests p on p.id = e.parent_id join manifests c on c.id = e.child_id
    where p.repository_id <> c.repository_id`,
  'a link without its blob': `
    select l.digest from links l where not exists (
      select 1 from blobs b where b.store_id = l.store_id and b.digest = l.digest)`,
  'a listing that does not say which repositories have manifests': `
    select r.name as digest from repositories r join feeds f on f.id = r.feed_id
    where f.active = 1 and r.retired = 0 and r.listed <> (
      select case when exists (select 1 from manifests m where m.repository_id = r.id)
        then 1 else 0 end)`,
  'a repository that counts its tags wrongly': `
    select r.name as digest from repositories r join feeds f on f.id = r.feed_id
    where f.active = 1 and r.retired = 0 and r.tag_count <> (
      select count(*) from tags t where t.repository_id = r.id)`,
  'a repository that counts its manifests wrongly': `
    select r.name as digest from repositories r join feeds f on f.id = r.feed_id
    where f.active = 1 and r.retired = 0 and r.manifest_count <> (
      select count(*) from manifests m where m.repository_id = r.id)`,
  'a repository with manifests that does not say when the last came': `
    select r.name as digest from repositories r where r.listed = 1 and (
      r.last_pushed_at = 0 or r.last_pushed_by = '')`,
  'a tag that is not sorted by version': `
    select t.name as digest from tags t where t.version_key = ''`,
  'a freed location that a blob names': `
    select f.location as digest from freed_locations f join blobs b
      on b.store_id = f.store_id and b.location = f.location`,
  'a freed location that an upload names': `
    select f.location as digest from freed_locations f join uploads u
      on u.store_id = f.store_id and u.location = f.location`,
  'a location of a blob and of an upload': `
    select b.location as digest from blobs b join uploads u
      on u.store_id = b.store_id and u.location = b.location`,
  'a location of two blobs': `
    select location as digest from blobs group by store_id, location having count(*) > 1`,
  'a manifest without its bytes': `
    select m.digest from manifests m left join manifest_contents c on c.manifest_id = m.id
    where c.manifest_id is null or length(c.content) <> m.size_bytes`,
  'a tag of another repository': `
    select t.name as digest from tags t join manifests m on m.id = t.manifest_id
    where m.repository_id <> t.repository_id`,
  'something wanted that is here': `
    select w.digest from wanted w where w.role = 'child' and exists (
      select 1 from manifests m
      where m.repository_id = w.repository_id and m.digest = w.digest)
    union all
    select w.digest from wanted w join links l
      on l.repository_id = w.repository_id and l.digest = w.digest`,
  'an index that holds the bytes of its child and not the child': `
    select m.digest from manifests m join manifest_blobs e
      on e.repository_id = m.repository_id and e.digest = m.digest and e.role = 'child'
    where not exists (
      select 1 from manifest_children c where c.parent_id = e.manifest_id and c.child_id = m.id)`,
  'an orphan with a tag or a parent': `
    select m.digest from manifests m where m.orphaned_since is not null and (
      exists (select 1 from tags t where t.manifest_id = m.id)
      or exists (select 1 from manifest_children c where c.child_id = m.id))`,
  'an orphan that clean-up will not look at': `
    select m.digest from manifests m where m.orphaned_since is not null and not exists (
      select 1 from candidates c
      where c.kind = 'manifest' and c.scope_id = m.repository_id and c.digest = m.digest)`,
  'an unused link that clean-up will not look at': `
    select l.digest from links l where not exists (
      select 1 from manifest_blobs e
      where e.repository_id = l.repository_id and e.digest = l.digest)
    and not exists (
      select 1 from candidates c
      where c.kind = 'link' and c.scope_id = l.repository_id and c.digest = l.digest)`,
  'a blob without a link that clean-up will not look at': `
    select b.digest from blobs b where not exists (
      select 1 from links l where l.store_id = b.store_id and l.digest = b.digest)
    and not exists (
      select 1 from candidates c
      where c.kind = 'blob' and c.scope_id = b.store_id and c.digest = b.digest)`,
  'a tag whose history ends elsewhere': `
    select t.name as digest from tags t join manifests m on m.id = t.manifest_id
    where m.digest <> coalesce((
      select h.digest from tag_history h
      where h.repository_id = t.repository_id and h.name = t.name
      order by h.id desc limit 1), '')`,
}

/** What is wrong in the database: empty if all is well. */
export async function listViolations(db: Queries): Promise<string[]> {
  const found: string[] = []
  for (const [rule, query] of Object.entries(rules)) {
    const { rows } = await sql<{ digest: string }>`${sql.raw(query)} limit 3`.execute(db)
    if (rows.length > 0) found.push(`${rule}: ${rows.map((row) => row.digest).join(', ')}`)
  }
  return found
}

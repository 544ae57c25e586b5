import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { api, type Resource } from '../../contract/api.ts'
import type { Route } from '../../contract/route.ts'
import { attributesOf } from '../../server/domain/scope.ts'
import { describeNeed, needs } from '../../server/http/api/needs.ts'
import { operationsOf } from '../../server/http/v2/operations.ts'
import type { RepositoryRoute } from '../../server/http/v2/route.ts'

/** The page that has the tables, between these marks. */
export const accessPage = path.resolve('docs/access.md')
const begin = '<!-- printed by npm run docs:access -->'
const end = '<!-- printed until here -->'

type Row = readonly [request: string, right: string]

/** One of each kind of address inside a repository. */
const addresses: Readonly<Record<RepositoryRoute['kind'], string>> = {
  tags: 'tags/list',
  referrers: 'referrers/<digest>',
  manifest: 'manifests/<reference>',
  blob: 'blobs/<digest>',
  uploads: 'blobs/uploads/',
  upload: 'blobs/uploads/<id>',
}

/** What is not decided by method and address alone. */
const otherRows: readonly Row[] = [
  ['GET `/v2/`', 'any credentials, an anonymous token too'],
  ['GET, POST `/v2/_auth`', 'none: a token for what the caller may do of what it asks for'],
  ['GET, HEAD `/v2/_catalog`', 'none: lists the repositories that the caller may view'],
  [
    'PUT `manifests/<tag>` of an existing tag',
    "also what the registry's overwrite rule asks for: nothing, `Feeds_OverwritePackage`, or never",
  ],
  [
    'POST `blobs/uploads/?mount=`',
    `also ${list(attributesOf('pull'))} in the source (the caller's, not the token's scope); otherwise the client is asked to upload`,
  ],
]

/** Both tables, as they stand in the page. */
export function formatAccessTables(): string {
  return [
    begin,
    '',
    ...table('request on `/v2/<registry>/<repository>/`', [...repositoryRows(), ...otherRows]),
    '',
    ...table('request of the management API', apiRows()),
    '',
    end,
  ].join('\n')
}

/** What stands in a page between the marks, and with them. */
export function findAccessTables(page: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${accessPage} has lost its marks.`)
  return page.slice(from, to + end.length)
}

/** Methods of one address that need the same stand in one row. */
function repositoryRows(): Row[] {
  const kinds = Object.keys(addresses) as RepositoryRoute['kind'][]
  return kinds.flatMap((kind) => {
    const address = addresses[kind]
    const rights = new Map<string, string[]>()
    const route = { kind, name: 'n', item: 'i' }
    for (const [method, { action }] of Object.entries(operationsOf(route))) {
      const right = list(attributesOf(action))
      rights.set(right, [...(rights.get(right) ?? []), method])
    }
    return [...rights].map(
      ([right, methods]): Row => [`${methods.join(', ')} \`${address}\``, right],
    )
  })
}

function apiRows(): Row[] {
  return (Object.keys(api) as Resource[]).flatMap((resource) => {
    const routes: Readonly<Record<string, Route>> = api[resource]
    const table: Readonly<Record<string, Parameters<typeof describeNeed>[0]>> = needs[resource]
    return Object.entries(routes).map(([name, { method, path: address }]): Row => {
      const need = table[name]
      if (need === undefined) throw new Error(`Nothing says what ${resource}.${name} needs.`)
      return [`${method} \`${address}\``, describeNeed(need)]
    })
  })
}

function table(title: string, rows: readonly Row[]): string[] {
  return [`| ${title} | right |`, '|---|---|', ...rows.map((row) => `| ${row.join(' | ')} |`)]
}

function list(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = readFileSync(accessPage, 'utf8')
  writeFileSync(
    accessPage,
    page.replace(findAccessTables(page), () => formatAccessTables()),
  )
}

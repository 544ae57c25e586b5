import { createHash } from 'node:crypto'
import { escapeHtml, proseHtml } from './html.ts'
import { referenceStyle } from './reference-style.ts'
import { type Json, type Schema, schemaRows } from './schema-rows.ts'

/** One operation of an OpenAPI document, as far as it is shown. */
interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly description: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<Record<string, Response>>
}

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required: boolean
  readonly description?: string
  readonly schema: Schema
}

interface Response {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
}

interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly tags: readonly { readonly name: string; readonly description?: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Shown {
  readonly method: string
  /** Other methods that do the same. */
  readonly also: readonly string[]
  readonly path: string
  readonly operation: Operation
}

/** A page to read, and the policy under which it is shown: no script, one style of its own. */
export interface ReferencePage {
  readonly html: string
  readonly contentSecurityPolicy: string
}

/** The whole OpenAPI document as one page that needs no script and nothing from elsewhere. */
export function referencePage(openApi: Json): ReferencePage {
  const document = openApi as unknown as Document
  const shown = operationsOf(document)
  const groups = document.tags.map((tag) => ({
    ...tag,
    operations: shown.filter(({ operation }) => operation.tags.includes(tag.name)),
  }))
  const { title, version, description } = document.info
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)} API</title>
<style>${referenceStyle}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the operations</a>
<header><h1>${escapeHtml(title)} ${escapeHtml(version)}: the management API</h1>
<p>${proseHtml(description)} As a document for programs: <a href="/api/openapi.json">openapi.json</a>.</p>
<p>Send an API key as <code>X-ApiKey</code>, or a user name and password (Basic). Errors are <code>application/problem+json</code>: <code>status</code>, <code>detail</code>, <code>code</code>, and of a 422 <code>errors</code> by field. Lists take <code>count</code> and <code>after</code>; the header <code>Link</code> leads on.</p>
</header>
<nav aria-label="Operations">${groups.map(navigation).join('')}</nav>
<main id="main">${groups.map(section).join('')}</main>
</body>
</html>
`
  const hash = createHash('sha256').update(referenceStyle).digest('base64')
  const contentSecurityPolicy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
  return { html, contentSecurityPolicy }
}

/** One of each: methods that do the same are named beside it. */
function operationsOf({ paths }: Document): Shown[] {
  return Object.entries(paths).flatMap(([path, methods]) => {
    const entries = Object.entries(methods)
    const main = entries.filter(
      ([method, { operationId }]) =>
        !entries.some(([, other]) => operationId === `${other.operationId}_${method}`),
    )
    return main.map(([method, operation]) => ({
      method: method.toUpperCase(),
      also: entries
        .filter(([, other]) => other.operationId.startsWith(`${operation.operationId}_`))
        .map(([other]) => other.toUpperCase()),
      path,
      operation,
    }))
  })
}

interface Group {
  readonly name: string
  readonly description?: string
  readonly operations: readonly Shown[]
}

function navigation({ name, operations }: Group): string {
  const items = operations.map(
    ({ operation }) =>
      `<li><a href="#${escapeHtml(operation.operationId)}">${escapeHtml(operation.summary)}</a></li>`,
  )
  return `<h2><a href="#${escapeHtml(name)}">${escapeHtml(wordsOf(name))}</a></h2><ul>${items.join('')}</ul>`
}

function section({ name, description, operations }: Group): string {
  const about = description === undefined ? '' : `<p>${proseHtml(description)}</p>`
  return `<section><h2 id="${escapeHtml(name)}">${escapeHtml(wordsOf(name))}</h2>${about}${operations.map(article).join('')}</section>`
}

function article({ method, also, path, operation }: Shown): string {
  const { operationId, summary, description, parameters = [], requestBody } = operation
  const others = also.length === 0 ? '' : ` <span class="also">also ${also.join(', ')}</span>`
  const paragraphs = description.split('\n\n').map((text) => `<p>${proseHtml(text)}</p>`)
  return `<article id="${escapeHtml(operationId)}">
<h3>${escapeHtml(summary)}</h3>
<p class="address"><b>${method}</b> <code>${escapeHtml(path)}</code>${others}</p>
${paragraphs.join('')}
${table('In the address', parameters.map(parameterRow))}
${table('In the body', rowsOf(requestBody?.content))}
${table('Answer', rowsOf(operation.responses['200']?.content))}
</article>`
}

function parameterRow({ name, required, description = '', schema }: Parameter): Row {
  const [row] = schemaRows({ ...schema, description }, { name, required })
  return row ?? { name, type: '', required, description }
}

type Row = ReturnType<typeof schemaRows>[number]

function rowsOf(content: Response['content']): Row[] {
  const [type, first] = Object.entries(content ?? {})[0] ?? []
  if (first === undefined) return []
  const note = type === 'text/plain' ? ' (plain text)' : ''
  return schemaRows(first.schema, null).map((row) => ({ ...row, type: `${row.type}${note}` }))
}

function table(caption: string, rows: readonly Row[]): string {
  if (rows.length === 0) return ''
  const lines = rows.map(
    ({ name, type, required, description }) =>
      `<tr><td><code>${escapeHtml(name)}</code>${required ? '' : ' <span class="optional">optional</span>'}</td><td>${escapeHtml(type)}</td><td>${proseHtml(description)}</td></tr>`,
  )
  return `<div class="wide"><table><caption>${caption}</caption><thead><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead><tbody>${lines.join('')}</tbody></table></div>`
}

/** `securityGroups` as people write it. */
function wordsOf(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

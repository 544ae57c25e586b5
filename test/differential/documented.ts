import { readFileSync } from 'node:fs'
import path from 'node:path'
import { projectFolder } from '../support/build.ts'
import type { Difference } from './observe.ts'

/** One row of the document: an intended difference. */
export interface DocumentedDifference {
  readonly id: string
  /** Whether it may show on any answer, or only where a step names it. */
  readonly general: boolean
  /** `*` in a value stands for anything. */
  readonly facts: readonly Difference[]
}

const file = path.join(projectFolder, 'docs/differences-from-distribution.md')

/**
 * Reads the document's tables: id, request, what Distribution answers, what Entrepot answers, why.
 * The two answers are `fact: value` in code spans, the same facts in both. Rows below the heading
 * "On every answer" are general.
 */
export function readDocument(): readonly DocumentedDifference[] {
  const rows: DocumentedDifference[] = []
  let heading = ''
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('#')) heading = line.replace(/^#+ /, '')
    const cells = line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim())
    const [id = '', , distribution = '', entrepot = '', why = ''] = cells
    if (!/^`[a-z0-9-]+`$/.test(id)) continue
    if (cells.length !== 5 || why === '') throw new Error(`not five cells: ${line}`)
    const facts = pair(id, factsOf(distribution), factsOf(entrepot))
    rows.push({ id: id.slice(1, -1), general: heading === 'On every answer', facts })
  }
  const twice = rows.filter(({ id }, i) => rows.findIndex((row) => row.id === id) !== i)
  if (twice.length > 0) throw new Error(`two rows of one id: ${twice[0]?.id}`)
  return rows
}

function factsOf(cell: string): ReadonlyMap<string, string> {
  const facts = new Map<string, string>()
  for (const [, span = ''] of cell.matchAll(/`([^`]+)`/g)) {
    const [, name, value] = /^([a-z-]+): (.+)$/.exec(span.replaceAll('\\|', '|')) ?? []
    if (name === undefined || value === undefined) throw new Error(`not "fact: value": ${span}`)
    facts.set(name, value)
  }
  return facts
}

function pair(
  id: string,
  distribution: ReadonlyMap<string, string>,
  entrepot: ReadonlyMap<string, string>,
): Difference[] {
  const names = [...distribution.keys()]
  if (names.length === 0 || names.join() !== [...entrepot.keys()].join()) {
    throw new Error(`the row ${id} needs the same facts on both sides, in one order`)
  }
  return names.map((fact) => ({
    fact,
    distribution: distribution.get(fact) ?? '',
    entrepot: entrepot.get(fact) ?? '',
  }))
}

export function describes(documented: Difference, seen: Difference): boolean {
  return (
    documented.fact === seen.fact &&
    matches(documented.distribution, seen.distribution) &&
    matches(documented.entrepot, seen.entrepot)
  )
}

function matches(pattern: string, text: string): boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
    .join('.*')
  return new RegExp(`^${source}$`, 's').test(text)
}

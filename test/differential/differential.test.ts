import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../support/require.ts'
import { type DocumentedDifference, describes, readDocument } from './documented.ts'
import { compare, type Difference, observe } from './observe.ts'
import { Conversation, type Peers, startPeers } from './peers.ts'
import { blobScenarios } from './scenarios/blobs.ts'
import { listScenarios } from './scenarios/lists.ts'
import { manifestDeletionScenarios } from './scenarios/manifest-deletions.ts'
import { manifestScenarios } from './scenarios/manifests.ts'
import { nameScenarios } from './scenarios/names.ts'
import { uploadScenarios } from './scenarios/uploads.ts'
import type { Scenario, Step } from './steps.ts'

const registry = needs({ program: 'docker-registry', package: 'docker-registry' })
/** The catalog shows what all scenarios left: those of the lists run first. */
const scenarios: readonly Scenario[] = [
  ...listScenarios,
  ...uploadScenarios,
  ...blobScenarios,
  ...manifestScenarios,
  ...manifestDeletionScenarios,
  ...nameScenarios,
]

describe.skipIf(registry.skip)(
  `beside Distribution${registry.reason && ` (skipped: ${registry.reason})`}`,
  () => {
    const rows = readDocument()
    const shown = new Set<string>()
    let peers: Peers

    beforeAll(async () => {
      peers = await startPeers(registry.file)
    })

    afterAll(() => peers[Symbol.asyncDispose]())

    for (const [i, scenario] of scenarios.entries()) {
      test(scenario.name, async () => {
        const repository = `main/s${i}`
        const distribution = new Conversation(peers.distribution, repository)
        const entrepot = new Conversation(peers.entrepot, repository)
        const wrong: string[] = []
        for (const [at, step] of scenario.steps.entries()) {
          const [theirs, ours] = await Promise.all([distribution.ask(step), entrepot.ask(step)])
          const differences = compare(
            observe(theirs, peers.distribution.url),
            observe(ours, peers.entrepot.url),
          )
          const faults = judge(step, differences, { rows, shown })
          if (faults.length > 0) wrong.push(`${at + 1}. ${step.request}`, ...faults)
        }
        expect(wrong, wrong.join('\n')).toEqual([])
      })
    }

    test('every documented difference was seen', () => {
      const unseen = rows.map(({ id }) => id).filter((id) => !shown.has(id))
      expect(unseen).toEqual([])
    })

    test('there are enough requests', () => {
      const requests = scenarios.reduce((sum, { steps }) => sum + steps.length, 0)
      expect(requests).toBeGreaterThan(150)
    })
  },
)

interface Knowledge {
  readonly rows: readonly DocumentedDifference[]
  /** Ids of the rows that were seen. */
  readonly shown: Set<string>
}

/** What no row explains, and what a row that the step names promises in vain. */
function judge(step: Step, differences: readonly Difference[], known: Knowledge): string[] {
  const unexplained = new Set(differences)
  const faults = (step.shows ?? []).flatMap((id) => {
    known.shown.add(id)
    const row = known.rows.find((one) => one.id === id && !one.general)
    return row === undefined ? [`   the document has no row ${id}`] : take(row, unexplained)
  })
  for (const row of known.rows.filter(({ general }) => general)) {
    const explained = [...unexplained].filter((difference) =>
      row.facts.some((fact) => describes(fact, difference)),
    )
    for (const difference of explained) unexplained.delete(difference)
    if (explained.length > 0) known.shown.add(row.id)
  }
  return [...faults, ...[...unexplained].map((difference) => `   ${format(difference)}`)]
}

/** Takes what the row explains out of the differences; returns what of it is not among them. */
function take(row: DocumentedDifference, differences: Set<Difference>): string[] {
  return row.facts.flatMap((fact) => {
    const seen = [...differences].find((difference) => describes(fact, difference))
    if (seen === undefined) return [`   not as the row ${row.id} has it: ${format(fact)}`]
    differences.delete(seen)
    return []
  })
}

function format({ fact, distribution, entrepot }: Difference): string {
  return `${fact}: Distribution ${distribution} | Entrepot ${entrepot}`
}

import { putManifest } from '../../server/db/manifest-push.ts'
import { RegistryError } from '../../server/domain/errors.ts'
import type { Outcome } from '../support/content-model.ts'
import { digestFor } from '../support/database-content.ts'
import { listViolations } from '../support/database-invariants.ts'
import { type Named, type Operation, pushOf } from './operations.ts'
import type { Picture } from './picture.ts'
import type { Stage } from './stage.ts'

/** A round that was played: who did what, what they were told, and what is there now. */
export interface Ended {
  readonly operations: readonly Operation[]
  readonly outcomes: readonly Outcome[]
  readonly before: Picture
  readonly after: Picture
}

/** Refusals that other callers may be the reason of. */
const ownRefusals = ['IN_USE', 'MANIFEST_BLOB_UNKNOWN'].map((code) => `refused: ${code}`)

/** Every broken rule of a round, whatever the order was; empty if all is well. */
export async function listFaults(stage: Stage, ended: Ended): Promise<string[]> {
  const faults = [
    ...(await listViolations(stage.content.db.read)),
    ...wrongRefusals(ended),
    ...wrongBytes(stage, ended),
    ...shortenedLeases(ended),
    ...brokenPromises(ended),
  ]
  // Last: it changes what is there.
  return [...faults, ...(await refusedPush(stage, ended))]
}

function wrongRefusals({ operations, outcomes }: Ended): string[] {
  return outcomes.flatMap((outcome, at) => {
    const refused = String(outcome)
    if (!refused.startsWith('refused: ') || ownRefusals.includes(refused)) return []
    return [`${operations[at]?.name} was ${refused}`]
  })
}

/** A blob's row names bytes of another digest, or none. */
function wrongBytes(stage: Stage, { after }: Ended): string[] {
  return [...after].flatMap(([key, value]) => {
    const name = /^blob (.+)$/.exec(key)?.[1]
    const location = /^(.+) (?:live|damaged)$/.exec(value)?.[1]
    if (name === undefined || location === undefined) return []
    const bytes = stage.disk.get(location)
    return bytes === digestFor(name) ? [] : [`the blob ${name} has the bytes of ${bytes}`]
  })
}

const lengths = ['expired', 'now', 'alive', 'renewed']

/** Nobody ends a lease sooner than somebody else was promised. */
function shortenedLeases({ before, after }: Ended): string[] {
  const lengthOf = (value: string) => lengths.indexOf(value.split(' ')[0] ?? '')
  return [...before].flatMap(([key, value]) => {
    const now = after.get(key)
    if (!/^(link|manifest) /.test(key) || now === undefined) return []
    return lengthOf(now) < lengthOf(value) ? [`the lease of ${key} was ${value}, is ${now}`] : []
  })
}

/** What was acknowledged is there for the grace time, unless a client was told that it is gone. */
function brokenPromises({ operations, outcomes, after }: Ended): string[] {
  const deleted = new Set(told(operations, outcomes, 'deletes').map(keyOf))
  return told(operations, outcomes, 'promises').flatMap((promised) => {
    const key = keyOf(promised)
    const there = after.get(key)
    if (there === undefined && deleted.has(key)) return []
    return there?.startsWith('renewed') ? [] : [`promised ${key} is ${there ?? 'gone'}`]
  })
}

function told(
  operations: readonly Operation[],
  outcomes: readonly Outcome[],
  what: 'promises' | 'deletes',
): Named[] {
  return operations.flatMap((operation, at) => (isYes(outcomes[at]) ? operation[what] : []))
}

function isYes(outcome: Outcome): boolean {
  if (outcome === undefined || outcome === false) return false
  return !/^(refused: |unknown$|overtaken$)/.test(String(outcome))
}

function keyOf(named: Named): string {
  return `${named.kind} ${named.in} ${named.name}`
}

/** A manifest of all that was promised and not deleted has to be accepted now. */
async function refusedPush(stage: Stage, { operations, outcomes }: Ended): Promise<string[]> {
  const deleted = new Set(told(operations, outcomes, 'deletes').map(keyOf))
  const kept = told(operations, outcomes, 'promises').filter(
    (promised) => promised.in === 'app' && !deleted.has(keyOf(promised)),
  )
  const namesOf = (kind: Named['kind']) =>
    kept.filter((each) => each.kind === kind).map((each) => each.name)
  const says = { layers: namesOf('link'), children: namesOf('manifest') }
  try {
    await stage.content.db.write(putManifest, pushOf(stage, stage.app, 'probe', says))
    return []
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    return [`a manifest of promised content was refused: ${error.message}`]
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { findUploadEpoch } from '../db/diagnosis.ts'
import { lookAtOwn, noAddress } from './address-check.ts'
import { type Finding, failure, ok, skipped, warning } from './finding.ts'
import { type Patient, type PatientWithData, withData } from './patient.ts'
import { openProbeAccess, type ProbeAccess } from './probe/access.ts'
import { pullSteps } from './probe/pull-steps.ts'
import { pushSteps, type Step } from './probe/push-steps.ts'
import { remedies } from './probe/remedies.ts'
import type { Way } from './probe/request.ts'
import { Trouble } from './probe/trouble.ts'
import { makeImage, type Walk } from './probe/walk.ts'

const name = 'push and pull'
const steps: readonly Step[] = [...pushSteps, ...pullSteps]

/**
 * Pushes a small image straight to the server and pulls it, then the same by the public address:
 * what works here and not there is broken on the way. Into a registry of its own, which is removed.
 */
export function checkPush(patient: Patient): Promise<Finding[]> {
  return withData(patient, name, async (whole) => {
    const { baseUrl, ownUrl } = whole
    if (baseUrl === null || ownUrl === null) return [skipped(name, noAddress)]
    if (!(await lookAtOwn(whole)).runs) {
      return [skipped(name, `No server answers at ${ownUrl}, so nothing can be pushed.`)]
    }
    await using access = await openProbeAccess(whole.data, whole.now)
    // Registries and keys are looked up anew within a second.
    await sleep(rememberedMs)
    const { host } = new URL(baseUrl)
    const straight = await walkAlong(whole, access, { name: 'straight', url: ownUrl, host })
    const vital = straight.find(({ step }) => step.isVital === true)
    if (vital !== undefined) return [describeOwn(vital, ownUrl)]
    const through = await walkAlong(whole, access, { name: 'public', url: baseUrl, host: null })
    return describeAll({ straight, through }, { ownUrl, baseUrl })
  })
}

const rememberedMs = 1100
const walkMs = 30_000

interface Stumble {
  readonly step: Step
  readonly trouble: Trouble
}

/** All steps, but those that cannot work any more; where it went wrong. */
async function walkAlong(
  { data, bodyBytes }: PatientWithData,
  { feed, key }: ProbeAccess,
  way: Way,
): Promise<Stumble[]> {
  const findEpoch = (id: string) => findUploadEpoch(data.db.read, id)
  const image = makeImage()
  const walk: Walk = { way, feed, key, bodyBytes, findEpoch, image, token: null }
  const stumbles: Stumble[] = []
  const endsAt = performance.now() + walkMs
  for (const step of steps) {
    // Who waits for one answer after the other has seen enough.
    if (performance.now() > endsAt && stumbles.length > 0) break
    try {
      await step.run(walk)
    } catch (error) {
      if (!(error instanceof Trouble)) throw error
      stumbles.push({ step, trouble: error })
      if (step.isVital === true) break
    }
  }
  return stumbles
}

function describeOwn({ step, trouble }: Stumble, ownUrl: string): Finding {
  return failure(
    `${name}: ${step.name}`,
    `Entrepot itself fails, asked straight at ${ownUrl}: ${trouble.message}`,
    'See what the other checks say of disk, stores and database; its log says more.',
  )
}

function describeAll(
  walks: { readonly straight: readonly Stumble[]; readonly through: readonly Stumble[] },
  { ownUrl, baseUrl }: { readonly ownUrl: string; readonly baseUrl: string },
): Finding[] {
  const { straight, through } = walks
  const failsItself = new Set(straight.map(({ step }) => step.name))
  const findings = [
    ...straight.map((each) => describeOwn(each, ownUrl)),
    ...through
      .filter(({ step }) => !failsItself.has(step.name))
      .map(({ step, trouble }) => {
        const seen = `On the way by ${baseUrl}: ${trouble.message} Entrepot itself, asked straight at ${ownUrl}, does it right.`
        const report = trouble.symptom === 'buffered' ? warning : failure
        return report(`${name}: ${step.name}`, seen, remedies[trouble.symptom])
      }),
  ]
  if (findings.length > 0) return findings
  return [
    ok(
      name,
      `A small image went by ${baseUrl} and came back: ${steps.length} steps, the same as straight at ${ownUrl}.`,
    ),
  ]
}

import { RegistryError, refuseField } from '../domain/errors.ts'

/** What a job is, before anybody changes when it runs. */
export interface JobKind {
  readonly name: string
  /** Whose it is: there is one for each registry, or one for the server. */
  readonly scope: 'feed' | 'server'
  /** Cron text for the registry of this number, spread over the night; null: never by schedule. */
  readonly schedule: ((feedId: number) => string) | null
  /** Whether people may ask for it. */
  readonly onDemand: boolean
  /** Parts that can be run alone. */
  readonly steps: readonly string[]
  readonly dryRun: boolean
}

/** At most five times: a run that ends its process each time would end it for ever. */
export const mostAttempts = 5

export const jobKinds = {
  FeedCleanup: {
    name: 'FeedCleanup',
    scope: 'feed',
    schedule: (feedId) => `${(feedId * 37) % 60} ${1 + (feedId % 3)} * * *`,
    onDemand: true,
    steps: ['uploads', 'retention', 'garbage', 'storage'],
    dryRun: true,
  },
  // Once a month: a damaged blob shows at the next pull at the latest, but nobody may pull it.
  FeedIntegrity: {
    name: 'FeedIntegrity',
    scope: 'feed',
    schedule: (feedId) => `${(feedId * 41) % 60} 4 ${1 + ((feedId * 11) % 28)} * *`,
    onDemand: true,
    steps: [],
    dryRun: false,
  },
  // Asked for by whoever sets a store; again to go on with what was called off.
  FeedMove: {
    name: 'FeedMove',
    scope: 'feed',
    schedule: null,
    onDemand: true,
    steps: [],
    dryRun: false,
  },
  // Scheduled where the configuration says where to.
  Backup: {
    name: 'Backup',
    scope: 'server',
    schedule: () => '30 2 * * *',
    onDemand: true,
    steps: [],
    dryRun: false,
  },
  StorageCleanup: {
    name: 'StorageCleanup',
    scope: 'server',
    schedule: () => '20 * * * *',
    onDemand: true,
    steps: [],
    dryRun: true,
  },
  StorageReconcile: {
    name: 'StorageReconcile',
    scope: 'server',
    schedule: () => '40 4 * * 0',
    onDemand: true,
    steps: [],
    dryRun: true,
  },
  FeedDeletion: {
    name: 'FeedDeletion',
    scope: 'feed',
    schedule: null,
    onDemand: false,
    steps: [],
    dryRun: false,
  },
  RepositoryDeletion: {
    name: 'RepositoryDeletion',
    scope: 'feed',
    schedule: null,
    onDemand: false,
    steps: [],
    dryRun: false,
  },
} as const satisfies Readonly<Record<string, JobKind>>

export type JobName = keyof typeof jobKinds

export function isJobName(name: string): name is JobName {
  return Object.hasOwn(jobKinds, name)
}

export function listJobKinds(): readonly (JobKind & { readonly name: JobName })[] {
  return Object.values(jobKinds)
}

/** Throws NOT_FOUND naming the jobs that there are. */
export function getJobKind(name: string): JobKind {
  const found = Object.keys(jobKinds).find((each) => each.toLowerCase() === name.toLowerCase())
  if (found !== undefined && isJobName(found)) return jobKinds[found]
  const names = Object.keys(jobKinds).join(', ')
  throw new RegistryError('NOT_FOUND', `There is no job "${name.slice(0, 100)}", but ${names}.`)
}

/** Throws INVALID_FIELDS for what the job cannot be asked for. */
export function checkRequest(
  kind: JobKind,
  asked: { readonly feed: boolean; readonly step: string | null; readonly dryRun: boolean },
): void {
  if (!kind.onDemand) refuseField('job', `${kind.name} is not run by hand: deleting asks for it.`)
  if (kind.scope === 'feed' && !asked.feed) {
    refuseField('feed', `${kind.name} is the job of a registry: name it.`)
  }
  if (kind.scope === 'server' && asked.feed) {
    refuseField('feed', `${kind.name} is the server's job: leave the registry out.`)
  }
  if (asked.step !== null && !kind.steps.includes(asked.step)) {
    const steps = kind.steps.length === 0 ? 'no steps' : `the steps ${kind.steps.join(', ')}`
    refuseField('step', `${kind.name} has ${steps}.`)
  }
  if (asked.dryRun && !kind.dryRun) refuseField('dryRun', `${kind.name} cannot be tried out.`)
}

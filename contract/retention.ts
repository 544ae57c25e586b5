import { z } from 'zod'
import { namedPage } from './page.ts'
import { route } from './route.ts'
import { idInAddress, line, name } from './words.ts'

const patterns = (description: string) =>
  z.array(z.string().max(300)).max(100).meta({ description })
const range = (description: string) => line(300).nullable().meta({ description })
const days = (description: string) => z.int().min(1).max(36_500).nullable().meta({ description })

const fields = {
  enabled: z.boolean(),
  deletes: z.enum(['tags', 'untagged']).meta({
    description: 'Tags, each with its image once that has none left; or images without a tag.',
  }),
  cached: z.boolean().meta({ description: 'Only what came through a connector.' }),
  repositories: patterns('Only in these: `team/*`, `team/**`. Empty: in all.'),
  keepRepositories: patterns('Not in these.'),
  tags: patterns('Only these: `*` stands for any characters. Empty: all.'),
  keepTags: patterns('Not these.'),
  versions: range('Only tags that are versions of this range, as npm writes it: `>=1.2 <2`.'),
  keepVersions: range('Not these versions, nor prereleases of them.'),
  pushedBeforeDays: days('Only what was pushed longer ago.'),
  notPulledForDays: days('Only what was neither pulled nor pushed since.'),
  fewerPullsThan: z.int().min(1).max(1_000_000_000).nullable().meta({
    description: 'Only what was pulled less often. Together with notPulledForDays.',
  }),
  keepNewest: z
    .strictObject({
      count: z.int().min(1).max(1_000_000),
      by: z.enum(['pushed', 'version']),
    })
    .nullable()
    .meta({
      description:
        'Not the newest of these, in each repository; by version: what is no version stays.',
    }),
  size: z
    .strictObject({
      overBytes: z.int().min(0),
      of: z.enum(['matching', 'feed']),
    })
    .nullable()
    .meta({
      description:
        'Only while what matches, or the whole registry, is larger: cached images first, then prereleases, then the oldest.',
    }),
}

export const RetentionRuleInfo = z.object({ id: z.int(), ...fields })
export type RetentionRuleInfo = z.infer<typeof RetentionRuleInfo>

const given = z.strictObject(fields).partial()

export const RetentionItem = z.object({
  outcome: z.enum(['goes', 'follows', 'stays']).meta({
    description:
      '`follows`: because of `of`, an image that goes. `stays`: a rule would take it, but for the reason.',
  }),
  repository: z.string(),
  tag: z.string().nullable().meta({ description: 'Null: the image itself.' }),
  digest: z.string(),
  rule: z.int().nullable().meta({ description: 'Null: the rule that was tried.' }),
  reason: z.string(),
  of: z.string().nullable(),
})
export type RetentionItem = z.infer<typeof RetentionItem>

const feed = { feed: name }
const page = {
  ...feed,
  ...namedPage,
  after: z.string().max(700).optional().meta({ description: 'From the `Link` header.' }),
}

export const retention = {
  list: route('GET', '/api/retention/list', {
    summary: "List a registry's retention rules, in their order",
    query: z.strictObject(feed),
    reply: z.array(RetentionRuleInfo),
  }),
  create: route('POST', '/api/retention/create', {
    summary: 'Add a retention rule',
    description: 'Behind all others. A rule that would take everything is refused.',
    query: z.strictObject(feed),
    body: given,
    reply: RetentionRuleInfo,
  }),
  update: route('POST', '/api/retention/update', {
    summary: 'Change a retention rule',
    description: 'Only what is named is changed; null or an empty list takes a criterion away.',
    query: z.strictObject({ ...feed, id: idInAddress }),
    body: given,
    reply: RetentionRuleInfo,
  }),
  order: route('POST', '/api/retention/order', {
    summary: 'Set the order in which rules are applied',
    query: z.strictObject(feed),
    body: z.strictObject({ rules: z.array(z.int()).max(100) }),
    reply: z.array(RetentionRuleInfo),
  }),
  delete: route('POST', '/api/retention/delete', {
    summary: 'Delete a retention rule',
    description: 'Also where there is none of that number.',
    also: ['DELETE'],
    query: z.strictObject({ ...feed, id: idInAddress }),
  }),
  preview: route('GET', '/api/retention/preview', {
    summary: 'List what the rules, or one of them, would take now',
    description:
      'Changes nothing. All that are enabled, or the one that is named. A page may have fewer items than asked for, and even none, while the `Link` header leads on.',
    query: z.strictObject({ ...page, rule: idInAddress.optional() }),
    reply: z.array(RetentionItem),
    paged: true,
  }),
  try: route('POST', '/api/retention/try', {
    summary: 'List what a rule would take that is not saved',
    description: 'Changes nothing. As `preview`.',
    query: z.strictObject(page),
    body: given,
    reply: z.array(RetentionItem),
    paged: true,
  }),
}

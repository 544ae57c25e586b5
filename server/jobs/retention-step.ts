import { type RetentionItem, type RuleCounts, runRetention } from '../registry/retention.ts'
import type { FeedCleanup, FeedCleanupDeps } from './feed-cleanup.ts'

/** Removes, or with a dry run names, what the rules of a registry take, each with the reason. */
export async function applyRules(
  { db, settings }: FeedCleanupDeps,
  { feed, dryRun, report }: FeedCleanup,
): Promise<void> {
  report.progress('retention rules')
  const counts = await runRetention(
    { db, graceMs: () => settings.graceMs() },
    {
      ...{ feedId: feed.id, dryRun, signal: report.signal },
      onItem(item) {
        if (item.outcome === 'failed') report.fault(`${nameOf(item)} stays`, item.error)
        else report.info(formatItem(item))
      },
    },
  )
  for (const each of counts) {
    report.info(formatCounts(each))
    report.count('tags', each.tags)
    report.count('images', each.images)
    report.count('followers', each.followers)
    report.count('changed', each.changed)
  }
}

function nameOf({ repository, tag, digest }: RetentionItem): string {
  return tag === null
    ? `The image ${digest} of ${repository}`
    : `The tag ${tag} of ${repository}, at ${digest},`
}

const outcomes = {
  goes: 'would be removed',
  removed: 'is removed',
  changed: 'stays, somebody uses it now',
  failed: 'stays',
  stays: 'stays',
} as const

function formatItem(item: RetentionItem): string {
  const { outcome, of, rule, reason } = item
  const what =
    outcome === 'follows' ? `goes after ${of} with garbage collection` : outcomes[outcome]
  return `${nameOf(item)} ${what}: rule ${rule}, ${reason}`
}

function formatCounts({ rule, tags, images, followers, changed, failed }: RuleCounts): string {
  const passedOver = `${changed} in use now, ${failed} failed`
  return `Rule ${rule}: ${tags} tags, ${images} images, ${followers} that follow; ${passedOver}`
}

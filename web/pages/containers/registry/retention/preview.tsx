import { Anchor, Badge, Stack, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { api } from '../../../../../contract/api.ts'
import type { RetentionItem } from '../../../../../contract/retention.ts'
import type { Column } from '../../../../parts/data-table.tsx'
import { PagedList } from '../../../../parts/paged-list.tsx'
import { Empty } from '../../../../parts/states.tsx'
import { addressOf, shortDigest } from '../../../../reference.ts'
import type { RuleFields } from './rule-words.ts'

const pageSize = '100'

/** What would go now by the saved rules, or by one of them. */
export function RulesPreview(props: { readonly feed: string; readonly rule?: number }) {
  const { feed, rule } = props
  return (
    <PagedList
      route={api.retention.preview}
      query={{ feed, count: pageSize, ...(rule !== undefined && { rule: String(rule) }) }}
      isStill
      {...shared(feed)}
    />
  )
}

/** The same of a rule that is not saved. */
export function RuleTrial(props: { readonly feed: string; readonly rule: RuleFields }) {
  const { feed, rule } = props
  return (
    <PagedList
      route={api.retention.try}
      query={{ feed, count: pageSize }}
      body={rule}
      isStill
      {...shared(feed)}
    />
  )
}

function shared(feed: string) {
  return {
    caption: `What would go from ${feed}`,
    columns: columnsOf(feed),
    keyOf: ({ repository, tag, digest }: RetentionItem) => `${repository} ${tag ?? ''} ${digest}`,
    empty: (
      <Empty title="Nothing would go now">
        <Text>No tag and no image of this registry is what the rules name.</Text>
      </Empty>
    ),
  }
}

const outcomes = {
  goes: { words: 'goes', color: 'red' },
  follows: { words: 'follows', color: 'orange' },
  stays: { words: 'stays', color: 'gray' },
} as const

function columnsOf(feed: string): readonly Column<RetentionItem>[] {
  return [
    {
      title: 'What happens',
      render: ({ outcome }) => (
        <Badge color={outcomes[outcome].color}>{outcomes[outcome].words}</Badge>
      ),
    },
    {
      title: 'Tag or image',
      render: ({ repository, tag, digest }) => (
        <Stack gap={0}>
          <Anchor
            component={Link}
            to={addressOf({
              ...{ feed, repository },
              ...(tag === null ? { digest } : { tag }),
            })}
            className="wraps"
          >
            {repository}
            {tag === null ? `@${shortDigest(digest)}` : `:${tag}`}
          </Anchor>
          {tag !== null && (
            <Text span size="sm" c="dimmed" className="mono">
              {shortDigest(digest)}
            </Text>
          )}
        </Stack>
      ),
    },
    {
      title: 'Rule',
      render: ({ rule }) => <span className="one-line">{rule === null ? 'this one' : rule}</span>,
    },
    {
      title: 'Why',
      render: ({ reason, of }) => (
        <span className="wraps">
          {reason}
          {of !== null && ` (${of.includes(':') ? shortDigest(of) : of})`}
        </span>
      ),
    },
  ]
}

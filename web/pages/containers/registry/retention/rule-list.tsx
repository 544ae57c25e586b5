import { Anchor, Button, Group, Switch, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { api } from '../../../../../contract/api.ts'
import type { RetentionRuleInfo } from '../../../../../contract/retention.ts'
import { type Column, DataTable } from '../../../../parts/data-table.tsx'
import { DeleteButton } from '../../../../parts/delete-button.tsx'
import { Empty, Failure, Waiting } from '../../../../parts/states.tsx'
import { callQuery, useCall } from '../../../../queries/calls.ts'
import { ruleInWords } from './rule-words.ts'

const refreshes = [api.retention.list, api.retention.preview]

interface Actions {
  readonly onEdit: (rule: RetentionRuleInfo) => void
  readonly onPreview: (rule: number) => void
}

/** The rules in the order in which they are applied. */
export function RuleList({ feed, ...actions }: { readonly feed: string } & Actions) {
  const { data, error, refetch } = useQuery(callQuery(api.retention.list, { query: { feed } }))
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting rows={3} />
  }
  if (data.length === 0) {
    return (
      <Empty title="Everything is kept">
        <Text maw="72ch">
          A rule says what clean-up deletes by itself: for example tags pr-* that nobody pulled for
          30 days, but the newest 5 of each repository never. Without one nothing goes that somebody
          has not deleted.
        </Text>
      </Empty>
    )
  }
  return (
    <DataTable
      caption={`Retention rules of ${feed}`}
      columns={columnsOf(feed, data, actions)}
      rows={data}
      keyOf={({ id }) => id}
    />
  )
}

function columnsOf(
  feed: string,
  all: readonly RetentionRuleInfo[],
  { onEdit, onPreview }: Actions,
): readonly Column<RetentionRuleInfo>[] {
  return [
    {
      title: 'Rule',
      render: (rule) => (
        <Anchor component="button" type="button" onClick={() => onEdit(rule)}>
          {rule.id}
          <span className="for-readers">, change the rule</span>
        </Anchor>
      ),
    },
    { title: 'What it does', render: (rule) => <span className="wraps">{ruleInWords(rule)}</span> },
    { title: 'On', render: (rule) => <EnabledSwitch feed={feed} rule={rule} /> },
    {
      title: 'Actions',
      silent: true,
      render: (rule) => (
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          {all[0] !== rule && <Earlier feed={feed} rule={rule.id} all={all} />}
          <Button size="compact-sm" variant="subtle" onClick={() => onPreview(rule.id)}>
            Preview<span className="for-readers"> rule {rule.id}</span>
          </Button>
          <DeleteRule feed={feed} rule={rule} />
        </Group>
      ),
    },
  ]
}

interface OneRule {
  readonly feed: string
  readonly rule: RetentionRuleInfo
}

function EnabledSwitch({ feed, rule: { id, enabled } }: OneRule) {
  const update = useCall(api.retention.update, refreshes)
  return (
    <Switch
      checked={enabled}
      disabled={update.isPending}
      aria-label={`Rule ${id} is on`}
      onChange={(event) =>
        update.mutate({
          query: { feed, id: String(id) },
          body: { enabled: event.currentTarget.checked },
        })
      }
    />
  )
}

function Earlier(props: {
  readonly feed: string
  readonly rule: number
  readonly all: readonly RetentionRuleInfo[]
}) {
  const { feed, rule, all } = props
  const order = useCall(api.retention.order, refreshes)
  const ids = all.map(({ id }) => id)
  const at = ids.indexOf(rule)
  const before = ids[at - 1]
  if (before === undefined) return null
  const rules = [...ids.slice(0, at - 1), rule, before, ...ids.slice(at + 1)]
  return (
    <Button
      size="compact-sm"
      variant="subtle"
      loading={order.isPending}
      onClick={() => order.mutate({ query: { feed }, body: { rules } })}
    >
      Earlier<span className="for-readers">: rule {rule}</span>
    </Button>
  )
}

function DeleteRule({ feed, rule }: OneRule) {
  const remove = useCall(api.retention.delete, refreshes)
  return (
    <DeleteButton
      what={`the retention rule ${rule.id}`}
      onDelete={() => remove.mutateAsync({ query: { feed, id: String(rule.id) } })}
    >
      {ruleInWords(rule)}. What it would delete is kept from then on, unless another rule names it.
    </DeleteButton>
  )
}

import { Alert, Anchor, Button, Code, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { HealthCheckInfo, SelfTest } from '../../../contract/health.ts'
import { counted } from '../../parts/count.tsx'
import { type Column, DataTable } from '../../parts/data-table.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Page } from '../../parts/page.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { selfTestQuery, serverHealthQuery } from '../../queries/health.ts'
import { ClientViews } from './client-views.tsx'

/** Whether the server works, what a client would see of it, and how to mend what is wrong. */
export function HealthPage() {
  const { data, error, isFetching, refetch } = useQuery(selfTestQuery)
  const again = () => void refetch()
  return (
    <Page
      title="Health"
      actions={
        <Button variant="default" loading={isFetching} onClick={again}>
          Test again
        </Button>
      }
    >
      <ForMonitoring />
      {error && <Failure error={error} onRetry={again} />}
      {data === undefined && !error && <Waiting />}
      {data && <Result test={data} />}
    </Page>
  )
}

/** What is known of the server when it can test nothing, such as without its database. */
function ForMonitoring() {
  const { data, error } = useQuery(serverHealthQuery)
  if (error) return <Failure error={error} />
  return (
    <Text size="sm" c="dimmed">
      Monitoring asks{' '}
      <Anchor href="/health" underline="always">
        /health
      </Anchor>{' '}
      and hears:{' '}
      <Code>{data === undefined ? '…' : (data.serviceStatusDetail ?? data.serviceStatus)}</Code>
    </Text>
  )
}

const colours = { ok: 'green', warning: 'yellow', error: 'red' } as const

function Result({ test }: { readonly test: SelfTest }) {
  const { status, at, checks, views } = test
  const wrong = checks.filter((check) => check.status !== 'ok')
  const good = checks.filter((check) => check.status === 'ok')
  return (
    <Stack gap="lg">
      <Alert
        color={colours[status]}
        icon={<Icon name={status === 'ok' ? 'check' : 'warning'} />}
        title={summaryOf(checks)}
        role="status"
      >
        <Text size="sm">
          Tested <Time at={at} />, as a client that does not know this server yet.
        </Text>
      </Alert>
      {wrong.length > 0 && <ToMend checks={wrong} />}
      <ClientViews views={views} />
      <section aria-labelledby="works">
        <Title order={2} id="works" mb="xs">
          What works
        </Title>
        <DataTable caption="What works" columns={columns} rows={good} keyOf={({ name }) => name} />
      </section>
    </Stack>
  )
}

function summaryOf(checks: readonly HealthCheckInfo[]): string {
  const count = (wanted: HealthCheckInfo['status']) =>
    checks.filter(({ status }) => status === wanted).length
  const [errors, warnings] = [count('error'), count('warning')]
  if (errors > 0) return `${counted(errors, 'thing')} must be mended`
  if (warnings > 0) return `It works; ${counted(warnings, 'thing')} could be better`
  return 'Everything works: there is nothing to mend'
}

/** Errors first. */
function ToMend({ checks }: { readonly checks: readonly HealthCheckInfo[] }) {
  const sorted = [...checks].sort((a, b) => a.status.localeCompare(b.status))
  return (
    <section aria-labelledby="mend">
      <Title order={2} id="mend" mb="xs">
        What to mend
      </Title>
      <Stack gap="xs">
        {sorted.map(({ name, status, detail, remedy }) => (
          <Alert
            key={name}
            color={colours[status]}
            icon={<Icon name="warning" />}
            title={name}
            role="group"
            aria-label={name}
          >
            <Text size="sm">{detail}</Text>
            {remedy !== null && (
              <Text size="sm" fw={600}>
                {remedy}
              </Text>
            )}
          </Alert>
        ))}
        <Text size="sm" c="dimmed">
          Web.BaseUrl is among the{' '}
          <Anchor component={Link} to="/administration/settings" underline="always">
            settings
          </Anchor>
          ; what begins with ENTREPOT_ belongs to the environment that the server is started with.
        </Text>
      </Stack>
    </section>
  )
}

const columns: readonly Column<HealthCheckInfo>[] = [
  { title: 'Checked', render: ({ name }) => <span className="unbroken">{name}</span> },
  { title: 'Found', render: ({ detail }) => <span className="wraps">{detail}</span> },
]

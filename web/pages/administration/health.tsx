import { Alert, Anchor, Button, Code, Progress, Stack, Text, Title } from '@mantine/core'
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
import { type AllChecks, useAllChecks } from './use-all-checks.ts'

/** Whether the server works, what a client would see of it, and how to mend what is wrong. */
export function HealthPage() {
  const { data, error, isFetching, refetch } = useQuery(selfTestQuery)
  const all = useAllChecks()
  const again = () => {
    all.clear()
    void refetch()
  }
  const isChecking = all.progress !== null && all.progress.at !== null
  return (
    <Page
      title="Health"
      actions={
        <>
          <Button variant="default" loading={isFetching} onClick={again}>
            Test again
          </Button>
          <Button loading={isChecking} disabled={data === undefined} onClick={all.begin}>
            Check everything
          </Button>
        </>
      }
    >
      <ForMonitoring />
      {error && <Failure error={error} onRetry={again} />}
      {data === undefined && !error && <Waiting />}
      {data && <CheckProgress all={all} />}
      {data && <Result test={data} all={all} />}
    </Page>
  )
}

/** What is looked at now, and how far it is. */
function CheckProgress({ all: { progress, error, begin } }: { readonly all: AllChecks }) {
  if (error) return <Failure error={error} onRetry={begin} />
  if (progress === null) {
    return (
      <Text size="sm" c="dimmed">
        Check everything also looks at folders, disks, the database, every store and a sample of the
        layers, and pushes a small image through the public address. It takes up to a few minutes
        and leaves nothing. The command <Code>entrepot doctor</Code> does the same, also while the
        server does not run.
      </Text>
    )
  }
  const { done, all, at } = progress
  return (
    <Stack gap={4}>
      <Progress value={(100 * done) / all} aria-label="How many of the checks are done" />
      <Text size="sm" role="status" aria-label="Progress">
        {at === null ? `All ${all} checks are done` : `${done} of ${all} done; now ${at}`}
      </Text>
    </Stack>
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

const colours = { ok: 'green', warning: 'yellow', error: 'red', skipped: 'gray' } as const

/** What the quick test found, until everything is checked. */
function Result({ test, all }: { readonly test: SelfTest; readonly all: AllChecks }) {
  const checks = all.findings ?? test.checks
  const wrong = checks.filter(({ status }) => status === 'error' || status === 'warning')
  const good = checks.filter(({ status }) => status === 'ok')
  const unseen = checks.filter(({ status }) => status === 'skipped')
  const status = wrong.some((check) => check.status === 'error')
    ? 'error'
    : wrong.length > 0
      ? 'warning'
      : 'ok'
  return (
    <Stack gap="lg">
      <Alert
        color={colours[status]}
        icon={<Icon name={status === 'ok' ? 'check' : 'warning'} />}
        title={summaryOf(checks)}
        role="status"
      >
        <Text size="sm">
          {all.findings === null ? (
            <>
              Tested <Time at={test.at} />, as a client that does not know this server yet.
            </>
          ) : (
            'Everything was looked at, from inside the server.'
          )}
        </Text>
      </Alert>
      {wrong.length > 0 && <ToMend checks={wrong} />}
      <ClientViews views={test.views} />
      <Found id="works" title="What works" checks={good} />
      {unseen.length > 0 && (
        <Found id="unseen" title="What could not be looked at" checks={unseen} />
      )}
    </Stack>
  )
}

function Found(props: {
  readonly id: string
  readonly title: string
  readonly checks: readonly HealthCheckInfo[]
}) {
  const { id, title, checks } = props
  return (
    <section aria-labelledby={id}>
      <Title order={2} id={id} mb="xs">
        {title}
      </Title>
      <DataTable caption={title} columns={columns} rows={checks} keyOf={keyOf} />
    </section>
  )
}

function keyOf({ name, detail }: HealthCheckInfo): string {
  return `${name} ${detail}`
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
            key={`${name} ${detail}`}
            color={colours[status]}
            icon={<Icon name="warning" />}
            title={name}
            role="group"
            aria-label={name}
          >
            <Text size="sm" className="wraps">
              {detail}
            </Text>
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

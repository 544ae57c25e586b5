import { Anchor, Group, Select, Switch, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { api } from '../../../contract/api.ts'
import type { JobInfo } from '../../../contract/jobs.ts'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { useCall } from '../../queries/calls.ts'

const usual = [
  { title: 'every hour', schedule: '15 * * * *' },
  { title: 'every night at 2:30', schedule: '30 2 * * *' },
  { title: 'Sundays at 3', schedule: '0 3 * * 0' },
  { title: 'on the first of the month', schedule: '0 4 1 * *' },
] as const

/** When a job runs by itself. */
export function ScheduleForm(props: { readonly job: JobInfo; readonly onClose: () => void }) {
  const { job, onClose } = props
  const update = useCall(api.jobs.update, [api.jobs.list])
  const { schedule, timeZone, enabled } = job
  const form = useForm({ initialValues: { schedule, timeZone, enabled } })
  const zones = Intl.supportedValuesOf('timeZone')
  return (
    <FormDialog
      title={job.feed === null ? job.job : `${job.job} of ${job.feed}`}
      verb="Save the schedule"
      {...{ form, onClose }}
      submit={(body) =>
        update.mutateAsync({
          query: { job: job.job, ...(job.feed !== null && { feed: job.feed }) },
          body,
        })
      }
    >
      <Switch
        label="It runs by itself"
        description="Also without, “Run now” runs it."
        {...form.getInputProps('enabled', { type: 'checkbox' })}
      />
      <TextInput
        label="Schedule"
        description="Cron: minute, hour, day of the month, month, day of the week."
        className="mono"
        spellCheck={false}
        data-autofocus
        {...form.getInputProps('schedule')}
      />
      <Group gap="xs">
        <Text size="sm" c="dimmed">
          As usual:
        </Text>
        {usual.map(({ title, schedule: text }) => (
          <Anchor
            key={text}
            component="button"
            type="button"
            size="sm"
            onClick={() => form.setFieldValue('schedule', text)}
          >
            {title}
          </Anchor>
        ))}
      </Group>
      <Select
        label="Time zone"
        searchable
        data={zones.includes(timeZone) ? zones : [timeZone, ...zones]}
        allowDeselect={false}
        {...form.getInputProps('timeZone')}
      />
    </FormDialog>
  )
}

import { Stack, Title } from '@mantine/core'
import { useAddressState } from '../../parts/address-state.ts'
import { JobTable } from './job-table.tsx'
import { RunTable } from './run-table.tsx'
import { RunView } from './run-view.tsx'

/** The jobs of a registry, or of all and the server, and what ran; with `?run=` one run. */
export function Jobs({ feed }: { readonly feed?: string }) {
  const [{ run }] = useAddressState()
  const whose = feed === undefined ? {} : { feed }
  if (run !== undefined && /^\d{1,15}$/.test(run)) return <RunView run={Number(run)} {...whose} />
  return (
    <Stack gap="lg">
      <section aria-labelledby="jobs">
        <Title order={2} id="jobs" mb="xs">
          Schedules
        </Title>
        <JobTable {...whose} />
      </section>
      <section aria-labelledby="runs">
        <Title order={2} id="runs" mb="xs">
          Runs
        </Title>
        <RunTable {...whose} />
      </section>
    </Stack>
  )
}

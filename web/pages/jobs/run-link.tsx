import { Anchor } from '@mantine/core'
import type { RunInfo } from '../../../contract/jobs.ts'
import { useAddressState } from '../../parts/address-state.ts'
import { Time } from '../../parts/time.tsx'

/** When it ran; opens its log on the page that one is on. */
export function RunLink({ run }: { readonly run: RunInfo }) {
  const [, setAddress] = useAddressState()
  return (
    <Anchor
      component="button"
      type="button"
      onClick={() => setAddress({ run: String(run.run) }, { asStep: true })}
    >
      <Time at={run.startedAt ?? run.requestedAt} />
      <span className="for-readers">, the log of run {run.run}</span>
    </Anchor>
  )
}

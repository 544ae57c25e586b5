import { Stack, Text } from '@mantine/core'
import { Confirm } from '../../parts/confirm.tsx'
import type { BaseUrlChange } from './base-url-change.ts'

/** Before the public address becomes another one than this browser calls. */
export function BaseUrlWarning(props: {
  readonly change: BaseUrlChange
  readonly onConfirm: () => void
  readonly onClose: () => void
}) {
  const { change, onConfirm, onClose } = props
  const { address, endsSession } = change
  return (
    <Confirm
      opened
      title={`Move this server to ${address}?`}
      verb={endsSession ? 'Save, and sign me out' : 'Save the address'}
      busy={false}
      error={null}
      {...{ onConfirm, onClose }}
    >
      <Stack gap="xs">
        <Text>
          Clients and browsers are led to{' '}
          <Text span className="mono" fw={600}>
            {address}
          </Text>{' '}
          from then on.{' '}
          {endsSession
            ? 'Your session ends at once: sign in again there.'
            : 'Here you may still look, but changes can be refused: sign in again there.'}
        </Text>
        <Text size="sm">
          Open it in another tab first. If nothing answers there, only an API key can set
          Web.BaseUrl back, or ENTREPOT_BASE_URL, which overrides it, when the server is started.
        </Text>
      </Stack>
    </Confirm>
  )
}

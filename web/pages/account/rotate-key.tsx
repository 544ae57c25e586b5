import { Button, NumberInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useDisclosure } from '@mantine/hooks'
import { api } from '../../../contract/api.ts'
import type { ApiKeyInfo } from '../../../contract/api-keys.ts'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { useCall } from '../../queries/calls.ts'
import { nameOf } from './key-name.ts'

/** A new secret for a key; the former one stays good for as long as it takes to change over. */
export function RotateKey(props: {
  readonly apiKey: ApiKeyInfo
  readonly onRotated: (key: ApiKeyInfo) => void
}) {
  const { apiKey, onRotated } = props
  const [opened, { open, close }] = useDisclosure(false)
  const rotate = useCall(api.apiKeys.rotate, [api.apiKeys.list])
  const form = useForm({ initialValues: { overlapHours: 24 } })
  const name = nameOf(apiKey)
  return (
    <>
      <Button size="compact-sm" variant="subtle" onClick={open}>
        Rotate<span className="for-readers"> {name}</span>
      </Button>
      {opened && (
        <FormDialog
          title={`Rotate ${name}`}
          verb="Give it a new secret"
          form={form}
          onClose={close}
          submit={async ({ overlapHours }) => {
            const query = { id: String(apiKey.id), overlapHours: String(overlapHours) }
            onRotated(await rotate.mutateAsync({ query }))
          }}
        >
          <NumberInput
            label="Hours that the former secret stays good"
            min={0}
            max={720}
            allowDecimal={false}
            {...form.getInputProps('overlapHours')}
          />
        </FormDialog>
      )}
    </>
  )
}

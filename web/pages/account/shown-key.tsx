import { Alert, Button, Modal, Stack, Text } from '@mantine/core'
import type { ApiKeyInfo } from '../../../contract/api-keys.ts'
import { CodeBlock } from '../../parts/copy.tsx'
import { Icon } from '../../parts/icon.tsx'

/** The secret of a key, the only time that anybody sees it. */
export function ShownKey(props: { readonly made: ApiKeyInfo; readonly onClose: () => void }) {
  const { made, onClose } = props
  const key = made.key ?? ''
  return (
    <Modal
      opened
      onClose={onClose}
      title={`The key ${made.displayName || made.id}`}
      size="lg"
      closeOnClickOutside={false}
    >
      <Stack gap="sm">
        <Alert color="yellow" icon={<Icon name="warning" />}>
          Copy it now: the server keeps only a hash of it and cannot show it again.
        </Alert>
        <CodeBlock text={key} label="Copy the key" />
        <Text size="sm">For docker, podman and others the user name is api:</Text>
        <CodeBlock
          text={`docker login -u api --password-stdin ${window.location.host}`}
          label="Copy the login line"
        />
        <div>
          <Button onClick={onClose}>I have copied it</Button>
        </div>
      </Stack>
    </Modal>
  )
}

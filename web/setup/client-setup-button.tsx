import { Button, Modal } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { lazy, Suspense } from 'react'
import { Waiting } from '../parts/states.tsx'

const ClientSetup = lazy(async () => ({
  default: (await import('./client-setup.tsx')).ClientSetup,
}))

/** For a registry's page: "Set up client". `endpointUrl` is the registry's. */
export function ClientSetupButton(props: { readonly feed: string; readonly endpointUrl: string }) {
  const [opened, { open, close }] = useDisclosure(false)
  return (
    <>
      <Button variant="default" onClick={open}>
        Set up client
      </Button>
      <Modal opened={opened} onClose={close} size="xl" title={`Set up a client for ${props.feed}`}>
        <Suspense fallback={<Waiting />}>
          <ClientSetup endpointUrl={props.endpointUrl} />
        </Suspense>
      </Modal>
    </>
  )
}

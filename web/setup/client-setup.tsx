import { Stack, Tabs, Text } from '@mantine/core'
import { useWhoami } from '../queries/session.ts'
import { BlockView } from './block-view.tsx'
import { type Client, clients } from './blocks.ts'
import { placeOf } from './place.ts'

const tabs: readonly (readonly [Client, string])[] = [
  ['docker', 'Docker'],
  ['podman', 'podman'],
  ['kubernetes', 'Kubernetes, containerd'],
  ['helm', 'Helm'],
  ['github', 'GitHub Actions'],
]

/** How to push to a registry and pull from it, each client's lines ready to copy. */
export function ClientSetup({ endpointUrl }: { readonly endpointUrl: string }) {
  const { user } = useWhoami()
  const place = placeOf(endpointUrl)
  const wanted = { place, userName: user?.name ?? 'api' }
  return (
    <Tabs defaultValue="docker" keepMounted={false}>
      <Tabs.List>
        {tabs.map(([client, title]) => (
          <Tabs.Tab key={client} value={client}>
            {title}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {place.isShortName && (
        <Text size="sm" mt="md">
          Docker takes a name without a dot for a user of Docker Hub: write this server with its
          port, {place.host}, in the login and in every image.
        </Text>
      )}
      {tabs.map(([client]) => (
        <Tabs.Panel key={client} value={client} pt="md">
          <Stack gap="md">
            {clients[client](wanted).map((block) => (
              <BlockView key={block.title} block={block} />
            ))}
          </Stack>
        </Tabs.Panel>
      ))}
    </Tabs>
  )
}

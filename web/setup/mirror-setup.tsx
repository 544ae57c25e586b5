import { Stack, Tabs, Text, Title } from '@mantine/core'
import { BlockView } from './block-view.tsx'
import { type MirrorClient, type MirrorWanted, mirrorClients, whyNone } from './mirror-blocks.ts'

const tabs: readonly (readonly [client: MirrorClient, title: string])[] = [
  ['containerd', 'containerd, Kubernetes: hosts.toml'],
  ['podman', 'podman, CRI-O: registries.conf'],
  ['docker', 'Docker: daemon.json'],
]

/** How clients pull another registry's names from the mirror of it. */
export function MirrorSetup({ wanted }: { readonly wanted: MirrorWanted }) {
  const { mirrorOf } = wanted
  return (
    <section aria-labelledby="as-mirror">
      <Title order={2} id="as-mirror" mb={4}>
        In place of {mirrorOf ?? 'Docker Hub'}
      </Title>
      <Text size="sm" c="dimmed" maw="72ch" mb="xs">
        Images keep their names; a client that is set up so asks here first.
      </Text>
      <Tabs defaultValue={mirrorOf === null ? 'docker' : 'containerd'} keepMounted={false}>
        <Tabs.List aria-label="Clients of the mirror">
          {tabs.map(([client, title]) => (
            <Tabs.Tab key={client} value={client}>
              {title}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {tabs.map(([client]) => (
          <Tabs.Panel key={client} value={client} pt="md">
            <Stack gap="md">
              <WhyNone client={client} wanted={wanted} />
              {mirrorClients[client](wanted).map((block) => (
                <BlockView key={block.title} block={block} />
              ))}
            </Stack>
          </Tabs.Panel>
        ))}
      </Tabs>
    </section>
  )
}

function WhyNone(props: { readonly client: MirrorClient; readonly wanted: MirrorWanted }) {
  const words = whyNone(props.client, props.wanted)
  return words && <Text maw="72ch">{words}</Text>
}

import { Group, Loader, Stack, Text, Title } from '@mantine/core'
import { CodeBlock } from '../../parts/copy.tsx'

/** How an image gets here. The list that it stands in place of comes by itself once one is there. */
export function FirstPush(props: {
  /** What image names begin with: `registry.example.com/main/`. */
  readonly imagePrefix: string
  readonly registry: string
}) {
  const { imagePrefix, registry } = props
  const [host = ''] = imagePrefix.split('/')
  const image = `${imagePrefix}my-app:1.0`
  return (
    <Stack gap="xs" py="sm" className="first-push">
      <Title order={2}>Push the first image to {registry}</Title>
      <Text>Log in once, give an image that you have its name here, and push it.</Text>
      <CodeBlock
        label="Copy the three lines"
        text={[`docker login ${host}`, `docker tag my-app ${image}`, `docker push ${image}`].join(
          '\n',
        )}
      />
      <Group gap="xs" role="status">
        <Loader size="xs" aria-hidden="true" />
        <Text c="dimmed">Waiting for your push. It appears here by itself.</Text>
      </Group>
    </Stack>
  )
}

import { Anchor, Badge, Group, Stack, Table, Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { ImageChild, ImageConfig, ImageDetails } from '../../../contract/images.ts'
import { useAddressState } from '../../parts/address-state.ts'
import { type Column, DataTable } from '../../parts/data-table.tsx'
import { DigestLink } from '../../parts/digest-link.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Size } from '../../parts/size.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { visible } from '../../parts/visible.ts'
import { addressOf } from '../../reference.ts'
import type { ShownImage } from './image-queries.ts'
import { NotHere } from './origin.tsx'
import { isAttestation } from './platforms.ts'

/** The server names no more of them. */
const maxTags = 100

/** What it is and what it starts. */
export function OverviewTab({ shown }: { readonly shown: ShownImage }) {
  const { top, image, imageError, retryImage, platform } = shown
  const isIndex = top.kind === 'index'
  return (
    <Stack gap="lg">
      <Place image={top} />
      {isIndex && <Platforms index={top} />}
      {isIndex && platform !== undefined && <Title order={2}>{platform.name}</Title>}
      {imageError && <Failure error={imageError} onRetry={retryImage} />}
      {image?.config && <Configuration config={image.config} />}
      {image && !image.config && !isIndex && (
        <Text>It has no configuration: no container is started from it.</Text>
      )}
      {isIndex && !image && !imageError && platform?.isHere && <Waiting />}
      {isIndex && platform && !platform.isHere && (
        <Text>
          The index lists this image, but <NotHere index={top} />.
        </Text>
      )}
      <Texts title="Annotations" text={top.annotations} />
    </Stack>
  )
}

function Place({ image }: { readonly image: ImageDetails }) {
  const { feed, repository, tags, mediaType, artifactType, subject, parents } = image
  const link = (digest: string) => (
    <DigestLink key={digest} feed={feed} repository={repository} digest={digest} />
  )
  return (
    <Facts
      facts={{
        'Tags that point here':
          tags.length === 0 ? 'none: it is pulled by its digest' : <TagLinks image={image} />,
        'Media type': <span className="mono">{mediaType}</span>,
        'Artifact type': artifactType && <span className="mono">{artifactType}</span>,
        'Refers to': subject && link(subject),
        'Listed by': parents.length > 0 && <Group gap="xs">{parents.map(link)}</Group>,
      }}
    />
  )
}

function TagLinks({ image }: { readonly image: ImageDetails }) {
  const { feed, repository, tags } = image
  return (
    <Group gap={6}>
      {tags.map((tag) => (
        <Badge
          key={tag}
          className="tag-link"
          color="gray"
          component={Link}
          to={addressOf({ feed, repository, tag })}
        >
          {tag}
        </Badge>
      ))}
      {tags.length === maxTags && <Text span>and perhaps more</Text>}
    </Group>
  )
}

function Platforms({ index }: { readonly index: ImageDetails }) {
  const [, , addressWith] = useAddressState()
  const columns: readonly Column<ImageChild>[] = [
    {
      title: 'Platform',
      render: (child) =>
        isAttestation(child) ? (
          <Text span inherit c="dimmed">
            attestation
          </Text>
        ) : (
          <Anchor component={Link} to={addressWith({ platform: child.platform ?? undefined })}>
            {child.platform ?? 'not said'}
          </Anchor>
        ),
    },
    {
      title: 'Digest',
      render: ({ digest, isHere }) => (
        <>
          <DigestLink feed={index.feed} repository={index.repository} digest={digest} />
          {!isHere && <Badge color="yellow">not here</Badge>}
        </>
      ),
    },
    { title: 'Size', numeric: true, render: ({ sizeBytes }) => <Size bytes={sizeBytes} /> },
  ]
  return (
    <DataTable
      caption="Images of the index"
      columns={columns}
      rows={index.children}
      keyOf={({ digest, platform }) => `${digest} ${platform}`}
    />
  )
}

function Configuration({ config }: { readonly config: ImageConfig }) {
  if (config.problem !== null) return <Text>{config.problem}</Text>
  return (
    <Stack gap="lg">
      <StartFacts config={config} />
      {config.env.length > 0 && (
        <TextTable title="Environment" rows={config.env.map(splitVariable)} />
      )}
      <Texts title="Labels" text={config.labels} />
    </Stack>
  )
}

function StartFacts({ config }: { readonly config: ImageConfig }) {
  const mono = (text: string | null) => text && <span className="mono">{visible(text)}</span>
  const json = (words: readonly string[] | null) => mono(words && JSON.stringify(words))
  return (
    <Facts
      facts={{
        Platform: config.platform,
        Created: config.created && createdAt(config.created),
        Author: config.author && visible(config.author),
        'Entry point': json(config.entrypoint),
        Command: json(config.cmd),
        User: mono(config.user) || 'root, as nothing else is said',
        'Working directory': mono(config.workingDir),
        Ports: mono(config.exposedPorts.join(', ')),
        Volumes: mono(config.volumes.join(', ')),
        'Stop signal': mono(config.stopSignal),
      }}
    />
  )
}

/** The image may say anything; builds that can be repeated say 1970. */
function createdAt(text: string): ReactNode {
  const time = Date.parse(text)
  if (Number.isNaN(time)) return visible(text)
  return time <= 0 ? 'not said' : <Time at={new Date(time).toISOString()} />
}

function splitVariable(line: string): readonly [string, string] {
  const at = line.indexOf('=')
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
}

function Texts(props: { readonly title: string; readonly text: Readonly<Record<string, string>> }) {
  const rows = Object.entries(props.text)
  return rows.length === 0 ? null : <TextTable title={props.title} rows={rows} />
}

function TextTable(props: {
  readonly title: string
  readonly rows: readonly (readonly [string, string])[]
}) {
  return (
    <section aria-label={props.title}>
      <Title order={2}>{props.title}</Title>
      <Table className="text-table" verticalSpacing={4}>
        <Table.Caption hidden>{props.title}</Table.Caption>
        <Table.Tbody>
          {props.rows.map(([name, value], at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a name may be there twice.
            <Table.Tr key={at}>
              <Table.Th scope="row" className="mono">
                {visible(name)}
              </Table.Th>
              <Table.Td className="mono">{visible(value)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  )
}

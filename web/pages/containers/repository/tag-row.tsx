import { ActionIcon, Anchor, Badge, Checkbox, Menu, Table, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { RepositoryDetails } from '../../../../contract/repositories.ts'
import type { TagInfo } from '../../../../contract/tags.ts'
import { useAddressState } from '../../../parts/address-state.ts'
import { Count } from '../../../parts/count.tsx'
import { Digest } from '../../../parts/digest.tsx'
import { Icon } from '../../../parts/icon.tsx'
import { Platforms } from '../../../parts/platforms.tsx'
import type { Selection } from '../../../parts/selection.ts'
import { Size } from '../../../parts/size.tsx'
import { Time } from '../../../parts/time.tsx'
import { useRefreshTag } from '../../../queries/refresh-tag.ts'
import { addressOf } from '../../../reference.ts'
import { CachedFrom } from './cached-from.tsx'
import { copyPullLines } from './copy-pull-lines.ts'
import { DeleteDialog } from './delete-dialog.tsx'

export function TagRow(props: {
  readonly repository: RepositoryDetails
  readonly tag: TagInfo
  /** How many rows, from here on, are of this image; 0: a row before said all about it. */
  readonly span: number
  readonly selection: Selection<TagInfo>
  readonly isCurrent: boolean
  readonly isFresh: boolean
}) {
  const { repository, tag, span, selection, isCurrent, isFresh } = props
  const { feed, name: repositoryName } = repository
  return (
    <Table.Tr
      data-current={isCurrent || undefined}
      data-fresh={isFresh || undefined}
      data-chosen={selection.has(tag) || undefined}
      data-follows={span === 0 || undefined}
    >
      <Table.Td>
        <Checkbox
          aria-label={`Choose ${tag.name}`}
          checked={selection.has(tag)}
          onChange={() => selection.toggle(tag)}
        />
      </Table.Td>
      <Table.Td>
        <Anchor
          component={Link}
          to={addressOf({ feed, repository: repositoryName, tag: tag.name })}
          className="wraps"
          fw={600}
        >
          {tag.name}
        </Anchor>
        {tag.cachedFrom && (
          <Text size="sm" c="dimmed" miw="17rem" component="div">
            <CachedFrom {...tag.cachedFrom} />
          </Text>
        )}
      </Table.Td>
      <Table.Td className="unbroken">
        <Time at={tag.pushed} />
        {tag.cachedFrom === null && `, ${tag.pushedBy}`}
      </Table.Td>
      {span > 0 && <AboutTheImage tag={tag} span={span} />}
      <Table.Td className="numeric">
        <TagMenu repository={repository} tag={tag} />
      </Table.Td>
    </Table.Tr>
  )
}

function AboutTheImage({ tag, span }: { readonly tag: TagInfo; readonly span: number }) {
  const { digest, platforms, artifactType, sizeBytes, lastPulled, pulls } = tag
  return (
    <>
      <Table.Td rowSpan={span}>
        <Digest digest={digest} />
      </Table.Td>
      <Table.Td rowSpan={span}>
        {platforms.length === 0 && artifactType !== null && !isImage(artifactType) ? (
          <Badge color="gray" fw={500} maw={220} title={artifactType}>
            {artifactType}
          </Badge>
        ) : (
          <Platforms platforms={platforms} />
        )}
      </Table.Td>
      <Table.Td rowSpan={span} className="numeric">
        <Size bytes={sizeBytes} />
      </Table.Td>
      <Table.Td rowSpan={span} className="unbroken">
        <Time at={lastPulled} />
      </Table.Td>
      <Table.Td rowSpan={span} className="numeric">
        <Count value={pulls} />
      </Table.Td>
    </>
  )
}

/** Whose platform is not known, such as while its configuration has not been pulled yet. */
function isImage(artifactType: string): boolean {
  return /^application\/vnd\.(?:oci\.image\.config|docker\.container\.image)\./.test(artifactType)
}

function TagMenu(props: { readonly repository: RepositoryDetails; readonly tag: TagInfo }) {
  const { repository, tag } = props
  const [, setAddress] = useAddressState()
  const [deleting, setDeleting] = useState(false)
  const refresh = useRefreshTag(repository.feed, repository.name)
  const canRefresh = repository.canPush && tag.cachedFrom?.isAsked === true
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`Actions for ${tag.name}`}>
            <Icon name="more" />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {canRefresh && (
            <Menu.Item disabled={refresh.isPending} onClick={() => refresh.run(tag.name)}>
              Refresh from {tag.cachedFrom?.connector}
            </Menu.Item>
          )}
          <Menu.Item onClick={() => void copyPullLines(repository, [tag])}>
            Copy the pull line
          </Menu.Item>
          <Menu.Item onClick={() => setAddress({ history: tag.name }, { asStep: true })}>
            History
          </Menu.Item>
          {repository.canDelete && (
            <Menu.Item color="red" onClick={() => setDeleting(true)}>
              Delete…
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      {deleting && (
        <DeleteDialog repository={repository} tags={[tag]} onClose={() => setDeleting(false)} />
      )}
    </>
  )
}

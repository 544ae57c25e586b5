import { Autocomplete, Button, Group, Text } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../../../contract/api.ts'
import type { RepositoryDetails } from '../../../../contract/repositories.ts'
import type { TagInfo } from '../../../../contract/tags.ts'
import { oneOf, useAddressState } from '../../../parts/address-state.ts'
import { counted } from '../../../parts/count.tsx'
import { Pager } from '../../../parts/data-table.tsx'
import { Icon } from '../../../parts/icon.tsx'
import { GoesOn, usePages } from '../../../parts/paged-list.tsx'
import { SearchField } from '../../../parts/search-field.tsx'
import { type Selection, useSelection } from '../../../parts/selection.ts'
import { SortField } from '../../../parts/sort-field.tsx'
import { Empty, Failure, Waiting } from '../../../parts/states.tsx'
import { addressOf } from '../../../reference.ts'
import { copyPullLines } from './copy-pull-lines.ts'
import { DeleteDialog } from './delete-dialog.tsx'
import { TagTable } from './tag-table.tsx'

const pageSize = '50'
/** As many as one request deletes. */
const maxChosen = 100

const orders = [
  { value: 'pushed-desc', label: 'Newest push first' },
  { value: 'pushed-asc', label: 'Oldest push first' },
  { value: 'version-desc', label: 'Highest version first' },
  { value: 'version-asc', label: 'Lowest version first' },
  { value: 'name-asc', label: 'Name, A to Z' },
  { value: 'name-desc', label: 'Name, Z to A' },
] as const
type Order = (typeof orders)[number]['value']
const usualPlatforms = ['linux/amd64', 'linux/arm64', 'linux/arm/v7', 'linux/386', 'windows/amd64']

/** The tags of a repository with the images that they name, a page at a time. */
export function TagList({ repository }: { readonly repository: RepositoryDetails }) {
  const [{ search = '', platform = '', sort: chosen }] = useAddressState()
  const order = oneOf<Order>(chosen, [orders[0].value, ...orders.map(({ value }) => value)])
  const [sort = 'name', direction] = order.split('-') as [
    'name' | 'version' | 'pushed',
    'asc' | 'desc',
  ]
  const pages = usePages(api.tags.list, {
    ...{ feed: repository.feed, repo: repository.name, sort, order: direction, count: pageSize },
    ...(search !== '' && { search }),
    ...(platform !== '' && { platform }),
  })
  const selection = useSelection<TagInfo>(({ name }) => name, maxChosen)
  const isFiltered = search !== '' || platform !== ''
  const platforms = new Set(
    usualPlatforms.concat(...(pages.rows ?? []).map((tag) => tag.platforms)),
  )
  return (
    <>
      <Filters order={order} platforms={[...platforms]} />
      <Actions repository={repository} selection={selection} />
      <Content {...{ repository, selection, pages, isFiltered }} />
    </>
  )
}

function Content(props: {
  readonly repository: RepositoryDetails
  readonly selection: Selection<TagInfo>
  readonly pages: ReturnType<typeof usePages<typeof api.tags.list>>
  readonly isFiltered: boolean
}) {
  const { repository, selection, isFiltered } = props
  const { rows, isPrevious, error, retry, pager } = props.pages
  if (rows === undefined) {
    return error ? <Failure error={error} onRetry={retry} /> : <Waiting rows={10} />
  }
  const isEmpty = rows.length === 0
  if (isEmpty && !pager.onPrevious && !pager.onNext) {
    return isFiltered ? <NoMatch /> : <NoTag repository={repository} />
  }
  return (
    <>
      {error && <Failure error={error} onRetry={retry} />}
      <div className={isPrevious ? 'former' : undefined}>
        {isEmpty ? <GoesOn /> : <TagTable {...{ repository, selection }} tags={rows} />}
      </div>
      <Pager {...pager} />
    </>
  )
}

function Filters(props: { readonly order: Order; readonly platforms: readonly string[] }) {
  const [{ search = '' }, setAddress] = useAddressState()
  return (
    <Group gap="xs" mb="sm" className="tag-filters">
      <SearchField
        label="Filter tags"
        value={search}
        onChange={(value) => setAddress({ search: value })}
      />
      <PlatformField platforms={props.platforms} />
      <SortField
        options={orders}
        value={props.order}
        onChange={(sort) => setAddress({ sort: sort === orders[0].value ? undefined : sort })}
      />
    </Group>
  )
}

/** Any platform can be written down; those of this page and the usual ones are offered. */
function PlatformField({ platforms }: { readonly platforms: readonly string[] }) {
  const [{ platform = '' }, setAddress] = useAddressState()
  const [text, setText] = useState(platform)
  const tell = useDebouncedCallback((value: string) => setAddress({ platform: value.trim() }), 300)
  return (
    <Autocomplete
      aria-label="Platform"
      placeholder="Any platform"
      data={[...platforms].sort()}
      limit={20}
      clearable
      spellCheck={false}
      value={text}
      onChange={(value) => {
        setText(value)
        tell(value)
      }}
    />
  )
}

/** Always there, so that nothing moves when the first row is chosen. */
function Actions(props: {
  readonly repository: RepositoryDetails
  readonly selection: Selection<TagInfo>
}) {
  const { repository, selection } = props
  const { rows } = selection
  const compare = useCompare(repository)
  const [deleting, setDeleting] = useState(false)
  return (
    <Group gap="xs" mb="xs" role="group" aria-label="Chosen tags" mih={34} className="tag-actions">
      {repository.canDelete && (
        <Button
          size="xs"
          variant="default"
          leftSection={<Icon name="trash" size={14} />}
          disabled={rows.length === 0}
          onClick={() => setDeleting(true)}
        >
          Delete…
        </Button>
      )}
      <Button
        size="xs"
        variant="default"
        disabled={rows.length !== 2}
        onClick={() => compare(rows)}
      >
        Compare
      </Button>
      <Button
        size="xs"
        variant="default"
        disabled={rows.length === 0}
        onClick={() => void copyPullLines(repository, rows)}
      >
        Copy the pull {rows.length > 1 ? 'lines' : 'line'}
      </Button>
      <Text size="sm" c="dimmed" role="status">
        {rows.length === 0
          ? 'Choose tags by their boxes, or with j, k and x.'
          : `${counted(rows.length, 'tag')} chosen${rows.length === maxChosen ? ', no more fit' : ''}`}
      </Text>
      {rows.length > 0 && (
        <Button size="compact-xs" variant="subtle" onClick={selection.clear}>
          Choose none
        </Button>
      )}
      {deleting && (
        <DeleteDialog
          repository={repository}
          tags={rows}
          onClose={() => setDeleting(false)}
          onDone={selection.clear}
        />
      )}
    </Group>
  )
}

/** Leads to the page of the younger of two, which says what came since the older. */
function useCompare({ feed, name }: RepositoryDetails) {
  const navigate = useNavigate()
  return (tags: readonly TagInfo[]) => {
    const [older, younger] = [...tags].sort((a, b) => a.pushed.localeCompare(b.pushed))
    if (older === undefined || younger === undefined) return
    const to = addressOf({ feed, repository: name, tag: younger.name })
    void navigate({ to, search: { compare: older.name } as never })
  }
}

function NoMatch() {
  return (
    <Empty title="No tag is like that">
      <Text>The filter looks for a part of the name, in either case, and for one platform.</Text>
    </Empty>
  )
}

function NoTag({ repository }: { readonly repository: RepositoryDetails }) {
  return (
    <Empty title="No tag points at anything here">
      <Text>
        {repository.images > 0
          ? 'The images that are here are in the list of untagged ones.'
          : 'Push an image, and its tag appears here by itself.'}
      </Text>
    </Empty>
  )
}

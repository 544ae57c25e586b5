import { Checkbox, Table } from '@mantine/core'
import type { RepositoryDetails } from '../../../../contract/repositories.ts'
import type { TagInfo } from '../../../../contract/tags.ts'
import { useFreshKeys } from '../../../parts/fresh-keys.ts'
import { useRowKeys } from '../../../parts/row-keys.ts'
import type { Selection } from '../../../parts/selection.ts'
import { copyPullLines } from './copy-pull-lines.ts'
import { togetherByImage } from './tag-groups.ts'
import { TagRow } from './tag-row.tsx'

/** One page of tags; those of one image stand together, and what they share is said once. */
export function TagTable(props: {
  readonly repository: RepositoryDetails
  readonly tags: readonly TagInfo[]
  readonly selection: Selection<TagInfo>
}) {
  const { repository, tags, selection } = props
  const rows = togetherByImage(tags)
  const at = (index: number) => rows.slice(index, index + 1).map(({ tag }) => tag)
  const current = useRowKeys(rows.length, {
    x(index) {
      for (const tag of at(index)) selection.toggle(tag)
    },
    c: (index) => void copyPullLines(repository, at(index)),
  })
  // A tag that moved is as new as one that came.
  const keyOf = ({ name, digest }: TagInfo) => `${name}@${digest}`
  const fresh = useFreshKeys(rows.map(({ tag }) => keyOf(tag)))
  return (
    <Table.ScrollContainer minWidth={900} type="native">
      <Table verticalSpacing={6} className="tags">
        <Table.Caption hidden>{`Tags of ${repository.name}`}</Table.Caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={40}>
              <ChooseAll tags={tags} selection={selection} />
            </Table.Th>
            {titles.map(([title, numeric]) => (
              <Table.Th key={title} className={numeric ? 'numeric' : undefined}>
                {title}
              </Table.Th>
            ))}
            <Table.Th>
              <span className="for-readers">Actions</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody ref={current.ref}>
          {rows.map(({ tag, span }, index) => (
            <TagRow
              key={tag.name}
              {...{ repository, tag, span, selection }}
              isCurrent={index === current.index}
              isFresh={fresh.has(keyOf(tag))}
            />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

const titles = [
  ['Tag', false],
  ['Pushed', false],
  ['Digest', false],
  ['Platforms', false],
  ['Size', true],
  ['Pulled', false],
  ['Pulls', true],
] as const

function ChooseAll(props: {
  readonly tags: readonly TagInfo[]
  readonly selection: Selection<TagInfo>
}) {
  const { tags, selection } = props
  const chosen = tags.filter(selection.has).length
  return (
    <Checkbox
      aria-label="All tags of this page"
      checked={chosen > 0 && chosen === tags.length}
      indeterminate={chosen > 0 && chosen < tags.length}
      onChange={() => selection.toggleAll(tags)}
    />
  )
}

import { Button, Stack, Text, UnstyledButton } from '@mantine/core'
import { api } from '../../../../contract/api.ts'
import type { FileList } from '../../../../contract/image-files.ts'
import { visible } from '../../../parts/visible.ts'
import { FileMarks } from './file-marks.tsx'
import { type FilesPlace, useFilePages } from './file-pages.ts'
import { Reading } from './reading.tsx'

/** All paths with what is looked for in them. */
export function FileSearch(props: {
  readonly place: FilesPlace
  readonly find: string
  readonly selected: string
  readonly onSelect: (path: string) => void
}) {
  const { place, find, selected, onSelect } = props
  const found = useFilePages(api.imageFiles.list, { ...place, search: find })
  const entries = found.replies.flatMap((reply) => (reply.state === 'ready' ? reply.entries : []))
  return (
    <Reading answer={found.replies[0]} error={found.error} onRetry={found.retry}>
      {(_: FileList) => (
        <Stack gap="xs">
          <Text size="sm" role="status">
            {entries.length === 0
              ? `No path has "${find}" in it.`
              : `${entries.length}${found.more ? ' and more' : ''} found`}
          </Text>
          <ul className="file-found" aria-label="Files found">
            {entries.map((entry) => (
              <li key={entry.path}>
                <UnstyledButton
                  className="file-row"
                  aria-current={entry.path === selected}
                  onClick={() => onSelect(entry.path)}
                >
                  <span className="file-name">{visible(entry.path)}</span>
                  <FileMarks entry={entry} inLayer={place.layer !== undefined} />
                </UnstyledButton>
              </li>
            ))}
          </ul>
          {found.more && (
            <Button size="xs" variant="default" loading={found.isMoreOnTheWay} onClick={found.more}>
              Show more
            </Button>
          )}
        </Stack>
      )}
    </Reading>
  )
}

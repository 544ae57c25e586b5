import { Badge, Button, Stack, Text, Title, UnstyledButton } from '@mantine/core'
import { lazy, Suspense } from 'react'
import { api } from '../../../contract/api.ts'
import type { FileComparison, FileDifference } from '../../../contract/image-files.ts'
import { useAddressState } from '../../parts/address-state.ts'
import { formatSize } from '../../parts/size.tsx'
import { Waiting } from '../../parts/states.tsx'
import { visible } from '../../parts/visible.ts'
import { useFilePages } from '../image/files/file-pages.ts'
import { Reading } from '../image/files/reading.tsx'

const FileDiff = lazy(async () => ({ default: (await import('./file-diff.tsx')).FileDiff }))

const marks = {
  added: { color: 'green', word: 'new' },
  removed: { color: 'red', word: 'gone' },
  changed: { color: 'yellow', word: 'changed' },
} as const

export interface ComparedFiles {
  readonly feed: string
  readonly repository: string
  /** Digests. */
  readonly from: string
  readonly to: string
}

/** The files in which two images differ; a text that both have opens as a diff. */
export function FileChanges(props: ComparedFiles) {
  const { feed, repository, from, to } = props
  const query = { feed, repo: repository, digest: from, otherDigest: to }
  const compared = useFilePages(api.imageFiles.compare, query, from !== to)
  if (from === to) return null
  const differences = compared.replies.flatMap((reply) =>
    reply.state === 'ready' ? reply.differences : [],
  )
  return (
    <section aria-labelledby="files">
      <Stack gap="sm">
        <Title order={2} id="files">
          Files
        </Title>
        <Reading answer={compared.replies[0]} error={compared.error} onRetry={compared.retry}>
          {({ added, changed, removed, problemCount }: FileComparison) => (
            <>
              <Text>
                {added + changed + removed === 0
                  ? 'No file differs.'
                  : `${added} new, ${changed} changed, ${removed} gone.`}
                {problemCount > 0 &&
                  ` ${problemCount} entries of the layers could not be shown, so not compared.`}
              </Text>
              <ul className="file-changes" aria-label="Files that differ">
                {differences.map((difference) => (
                  <Difference key={difference.path} difference={difference} files={props} />
                ))}
              </ul>
              {compared.more && (
                <div>
                  <Button
                    size="xs"
                    variant="default"
                    loading={compared.isMoreOnTheWay}
                    onClick={compared.more}
                  >
                    Show more
                  </Button>
                </div>
              )}
            </>
          )}
        </Reading>
      </Stack>
    </section>
  )
}

function Difference(props: { readonly difference: FileDifference; readonly files: ComparedFiles }) {
  const { difference, files } = props
  const { path, change } = difference
  const [{ file }, setAddress] = useAddressState()
  const isOpen = file === path
  const { color, word } = marks[change]
  const line = (
    <>
      <Badge color={color} className="change-mark">
        {word}
      </Badge>
      <span className="mono file-name">{visible(`/${path}`)}</span>
      <span className="file-facts">{factsOf(difference)}</span>
    </>
  )
  if (!canDiff(difference)) return <li className="file-change">{line}</li>
  return (
    <li>
      <UnstyledButton
        className="file-change"
        aria-expanded={isOpen}
        onClick={() => setAddress({ file: isOpen ? undefined : path })}
      >
        {line}
      </UnstyledButton>
      {isOpen && (
        <Suspense fallback={<Waiting rows={3} />}>
          <FileDiff files={files} path={path} />
        </Suspense>
      )}
    </li>
  )
}

function canDiff({ before, after, differs }: FileDifference): boolean {
  return before?.type === 'file' && after?.type === 'file' && differs.includes('content')
}

function factsOf({ before, after, differs }: FileDifference): string {
  const size = (entry: typeof before) => (entry?.type === 'file' ? formatSize(entry.sizeBytes) : '')
  if (before === null || after === null) {
    const only = after ?? before
    return only?.type === 'directory' ? 'folder' : size(only)
  }
  const sizes = differs.includes('size') ? [`${size(before)} → ${size(after)}`] : []
  return [...differs.filter((one) => one !== 'size'), ...sizes].join(', ')
}

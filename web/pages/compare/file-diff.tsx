import { Text } from '@mantine/core'
import { type StructuredPatchHunk, structuredPatch } from 'diff'
import { useMemo } from 'react'
import type { FileDetails } from '../../../contract/image-files.ts'
import { SourceText } from '../../parts/source-text.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { visible } from '../../parts/visible.ts'
import { type FilesPlace, useFile } from '../image/files/file-pages.ts'
import type { ComparedFiles } from './file-changes.tsx'

/** Beyond this a diff keeps the browser busy for too long. */
const limits = { context: 3, timeout: 1500, maxEditLength: 5000 } as const

/** How one text became the other. */
export function FileDiff({
  files,
  path,
}: {
  readonly files: ComparedFiles
  readonly path: string
}) {
  const place = { feed: files.feed, repo: files.repository }
  const before = useText({ ...place, digest: files.from }, path)
  const after = useText({ ...place, digest: files.to }, path)
  const error = before.error ?? after.error
  if (error) return <Failure error={error} />
  if (before.waits || after.waits) return <Waiting rows={3} />
  const problem = before.problem ?? after.problem
  if (problem !== undefined) return <Text size="sm">{problem}</Text>
  return <Hunks path={path} before={before.text} after={after.text} />
}

function useText(place: FilesPlace, path: string) {
  const { data, error } = useFile(place, path)
  const text = data?.state === 'ready' ? textOf(data) : undefined
  const problem =
    data?.state === 'unreadable'
      ? data.message
      : data?.state === 'ready' && text === undefined
        ? 'It is no text, or too long for a diff: open it in the files of each image.'
        : undefined
  const waits = data === undefined || data.state === 'indexing'
  return { error, waits, problem, text: text ?? '' }
}

function textOf({ content }: FileDetails): string | undefined {
  return content?.kind === 'text' && !content.truncated ? content.text : undefined
}

function Hunks(props: { readonly path: string; readonly before: string; readonly after: string }) {
  const { path, before, after } = props
  const patch = useMemo(
    () => structuredPatch(path, path, before, after, undefined, undefined, limits),
    [path, before, after],
  )
  if (patch === undefined) {
    return <Text size="sm">They differ in too much for a diff: open each in its image.</Text>
  }
  return (
    <SourceText className="diff" label={`What changed in ${path}`}>
      {patch.hunks.map((hunk) => (
        <Hunk key={`${hunk.oldStart} ${hunk.newStart}`} hunk={hunk} />
      ))}
    </SourceText>
  )
}

function Hunk({ hunk }: { readonly hunk: StructuredPatchHunk }) {
  const { oldStart, oldLines, newStart, newLines, lines } = hunk
  return (
    <>
      <span className="diff-place">{`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@\n`}</span>
      {lines.map((line, at) => {
        const kind = line[0] === '+' ? 'diff-added' : line[0] === '-' ? 'diff-removed' : undefined
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: a text is cut the same way each time.
          <span key={at} className={kind}>
            {`${visible(line)}\n`}
          </span>
        )
      })}
    </>
  )
}

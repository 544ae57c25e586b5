import { Badge } from '@mantine/core'
import type { FileEntry } from '../../../../contract/image-files.ts'
import { formatSize } from '../../../parts/size.tsx'
import { visible } from '../../../parts/visible.ts'

const colors = { added: 'green', changed: 'yellow', deleted: 'red' } as const

/** What the layer did to it, and how large it is. Of the whole image the layer does not matter. */
export function FileMarks(props: { readonly entry: FileEntry; readonly inLayer: boolean }) {
  const { change, hidden, type, sizeBytes, linkTarget } = props.entry
  return (
    <span className="file-marks">
      {type === 'symlink' && linkTarget !== null && (
        <span className="file-link">→ {visible(linkTarget)}</span>
      )}
      {props.inLayer && change !== null && (
        <Badge size="xs" color={colors[change]}>
          {change}
        </Badge>
      )}
      {props.inLayer && hidden && change !== 'deleted' && (
        <Badge size="xs" color="gray">
          not in the image
        </Badge>
      )}
      {type === 'file' && change !== 'deleted' && (
        <span className="file-size">{formatSize(sizeBytes)}</span>
      )}
    </span>
  )
}

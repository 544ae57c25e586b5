import { Tooltip } from '@mantine/core'
import { hierarchy, treemap } from 'd3-hierarchy'
import { formatSize } from '../../parts/size.tsx'
import './storage.css'

export interface Part {
  readonly name: string
  readonly bytes: number
}

const width = 1000
const height = 280
/** Below this share of the whole a part has no room for its name. */
const namedShare = 0.015

/**
 * Parts as areas, the largest first. The table beside it says the same in words and has the links:
 * screen readers pass over the picture.
 */
export function Treemap({ parts }: { readonly parts: readonly Part[] }) {
  const tree = hierarchy<{ parts?: readonly Part[] } & Partial<Part>>({ parts }, ({ parts }) =>
    parts?.filter(({ bytes }) => bytes > 0),
  )
    .sum(({ bytes }) => bytes ?? 0)
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0))
  const whole = tree.value ?? 0
  if (whole === 0) return null
  const leaves = treemap<typeof tree.data>().size([width, height])(tree).leaves()
  return (
    <div className="treemap" aria-hidden="true">
      {leaves.map(({ data: { name = '' }, value = 0, x0, y0, x1, y1 }) => (
        <Tooltip key={name} label={`${name}: ${formatSize(value)}`}>
          <div
            className="treemap-part"
            style={{
              left: percent(x0, width),
              top: percent(y0, height),
              width: percent(x1 - x0, width),
              height: percent(y1 - y0, height),
            }}
          >
            {value / whole >= namedShare && (
              <span>
                {name} {formatSize(value)}
              </span>
            )}
          </div>
        </Tooltip>
      ))}
    </div>
  )
}

function percent(length: number, of: number): string {
  return `${((length / of) * 100).toFixed(3)}%`
}

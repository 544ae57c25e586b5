import { Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import type { DeletionPreview } from '../../../contract/deletions.ts'
import { formatSize } from '../../parts/size.tsx'
import { shortDigest } from '../../reference.ts'

const because = { tag: 'has the tag', index: 'is listed by', subject: 'refers to' } as const

/** What a deletion takes, what stays, and why. */
export function DeletionPreviewView({ preview }: { readonly preview: DeletionPreview }) {
  const { tags, images, untagged, orphans, kept, refused, missing } = preview
  return (
    <Stack gap="xs" className="deletion-preview">
      <Part title="Stays: an index lists it" alert>
        {refused.map(({ digest, usedBy }) => (
          <li key={digest}>
            <Digest digest={digest} /> is listed by {usedBy.map(shortDigest).join(', ')}. Delete the
            index first, or with it.
          </li>
        ))}
      </Part>
      <Part title="Goes now">
        {tags.map(({ name, asked }) => (
          <li key={name}>
            tag <span className="mono">{name}</span>
            {!asked && ', which points at the image'}
          </li>
        ))}
        {images.map(({ digest, sizeBytes }) => (
          <li key={digest}>
            image <Digest digest={digest} />
            {sizeBytes !== null && `, ${formatSize(sizeBytes)} with what others share`}
          </li>
        ))}
      </Part>
      <Part title={`Goes with clean-up, in ${inWords(preview.graceSeconds)} at the earliest`}>
        {orphans.map(({ digest, relation }) => (
          <li key={digest}>
            {relation === 'child' ? 'image of the index' : 'referrer'} <Digest digest={digest} />
          </li>
        ))}
      </Part>
      <Part title="Stays without a tag, until somebody deletes it">
        {untagged.map((digest) => (
          <li key={digest}>
            <Digest digest={digest} />
          </li>
        ))}
      </Part>
      <Part title="Stays, as others use it">
        {kept.map((one) => (
          <li key={one.digest}>
            <Digest digest={one.digest} /> {becauseOf(one.because)}{' '}
            {one.by.map((by) => (by.includes(':') ? shortDigest(by) : by)).join(', ')}
          </li>
        ))}
      </Part>
      <Part title="Is not there any more">
        {missing.map((name) => (
          <li key={name} className="mono">
            {name}
          </li>
        ))}
      </Part>
      {!preview.isComplete && (
        <Text size="sm">An image has more than 1,000 relatives: the rest is not listed.</Text>
      )}
    </Stack>
  )
}

function becauseOf(reason: string): string {
  return reason in because ? because[reason as keyof typeof because] : 'is in use:'
}

function Part(props: {
  readonly title: string
  readonly alert?: boolean
  readonly children: readonly ReactNode[] | readonly (readonly ReactNode[])[]
}) {
  const items = props.children.flat()
  if (items.length === 0) return null
  return (
    <div role={props.alert ? 'alert' : undefined}>
      <Text size="sm" fw={600}>
        {props.title}
      </Text>
      <ul>{items}</ul>
    </div>
  )
}

function Digest({ digest }: { readonly digest: string }) {
  return (
    <span className="mono" title={digest}>
      {shortDigest(digest)}
    </span>
  )
}

function inWords(seconds: number): string {
  if (seconds < 120) return `${seconds} seconds`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`
}

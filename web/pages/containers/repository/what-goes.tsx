import { List, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import type { DeletionPreview } from '../../../../contract/deletions.ts'
import { counted } from '../../../parts/count.tsx'
import { formatSize } from '../../../parts/size.tsx'
import { shortDigest } from '../../../reference.ts'

/** A deletion in words: what goes, what follows it, what stays. */
export function WhatGoes({ preview }: { readonly preview: DeletionPreview }) {
  const { tags, images, untagged, orphans, kept, refused, missing, freedBytes } = preview
  const also = tags.filter(({ asked }) => !asked)
  const asked = tags.filter((tag) => tag.asked)
  return (
    <Stack gap="sm" className="what-goes">
      <Part
        title={`Cannot go, as an index lists them: ${counted(refused.length, 'image')}`}
        isAlert
        items={refused.map(
          ({ digest, usedBy }) =>
            `${shortDigest(digest)}, by ${usedBy.map(shortDigest).join(', ')}`,
        )}
      />
      <Part title={`Go: ${counted(asked.length, 'tag')}`} items={asked.map(({ name }) => name)} />
      <Part
        title={`Go: ${counted(images.length, 'image')}`}
        items={images.map(({ digest, sizeBytes }) => (
          <>
            {shortDigest(digest)}
            {sizeBytes !== null && `, ${formatSize(sizeBytes)}`}
          </>
        ))}
      />
      <Part
        title={`Go with their image: ${counted(also.length, 'tag')}`}
        items={also.map(({ name, digest }) => `${name} → ${shortDigest(digest)}`)}
      />
      <Part
        title={`Follow with clean-up, ${inWords(preview.graceSeconds)} later: ${counted(orphans.length, 'child or referrer', 'children and referrers')}`}
        items={orphans.map(
          ({ digest, relation, of }) => `${shortDigest(digest)}, ${relation} of ${shortDigest(of)}`,
        )}
      />
      <Part
        title={`Stay without any tag: ${counted(untagged.length, 'image')}`}
        hint="Nothing removes them by itself: they are in the list of untagged ones."
        items={untagged.map(shortDigest)}
      />
      <Part
        title={`Stay: ${counted(kept.length, 'child or referrer', 'children and referrers')}`}
        items={kept.map(
          ({ digest, because, by }) => `${shortDigest(digest)}: ${reason(because, by)}`,
        )}
      />
      <Part title="Not there any more" items={missing} />
      {freedBytes !== null && (
        <Text size="sm">
          Clean-up frees {formatSize(freedBytes)}, {inWords(preview.graceSeconds)} later at the
          earliest. Layers that other images use stay.
        </Text>
      )}
      {!preview.isComplete && (
        <Text size="sm">An image has more than 1,000 relatives. The rest is not listed here.</Text>
      )}
    </Stack>
  )
}

/** Left out where there is nothing to say. */
function Part(props: {
  readonly title: string
  readonly hint?: string
  readonly isAlert?: boolean
  readonly items: readonly ReactNode[]
}) {
  const { title, hint, isAlert, items } = props
  if (items.length === 0) return null
  return (
    <section aria-label={title}>
      <Text fw={600} role={isAlert ? 'alert' : undefined}>
        {title}
      </Text>
      {hint !== undefined && (
        <Text size="sm" c="dimmed">
          {hint}
        </Text>
      )}
      <List size="sm" className="long mono" tabIndex={0}>
        {items.map((item, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: two lines may say the same.
          <List.Item key={index}>{item}</List.Item>
        ))}
      </List>
    </section>
  )
}

function reason(because: string, by: readonly string[]): string {
  const names = by.map((name) => (name.includes(':') ? shortDigest(name) : name)).join(', ')
  if (because === 'tag') return `the tag ${names} points at it`
  if (because === 'index') return `the index ${names} lists it`
  if (because === 'subject') return `it refers to ${names}, which stays`
  return 'it was pushed or asked for a moment ago'
}

const units = [
  ['day', 24 * 3600],
  ['hour', 3600],
  ['minute', 60],
] as const

function inWords(seconds: number): string {
  const [unit, length] = units.find(([, size]) => seconds >= size) ?? ['second', 1]
  return counted(Math.round(seconds / length), unit)
}

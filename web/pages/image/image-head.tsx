import { Badge, Group, SegmentedControl, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import type { ImageDetails } from '../../../contract/images.ts'
import { useAddressState } from '../../parts/address-state.ts'
import { CodeBlock, CopyButton } from '../../parts/copy.tsx'
import { Icon } from '../../parts/icon.tsx'
import { clientsFor, type PullClient, pullLine, tagOf } from '../../parts/pull-lines.ts'
import { Size } from '../../parts/size.tsx'
import { Time } from '../../parts/time.tsx'
import type { ShownImage } from './image-queries.ts'
import { Origin } from './origin.tsx'
import { PlatformSwitch } from './platform-switch.tsx'
import { isAttestation } from './platforms.ts'

/** Which image it is, how to pull it, and of an index the platform that is looked at. */
export function ImageHead({ shown }: { readonly shown: ShownImage }) {
  const { top, image } = shown
  return (
    <Stack gap="sm">
      <Group gap="xs" wrap="nowrap" align="center">
        <span className="mono image-digest">{top.digest}</span>
        <CopyButton text={top.digest} label="Copy the digest" />
      </Group>
      <Group gap="xs" className="image-facts">
        <Text span size="sm">
          {kindInWords(top)}, <Size bytes={top.sizeBytes} />
        </Text>
        <Text span size="sm">
          · <Origin image={top} />
        </Text>
        <Text span size="sm">
          · {top.pulls.last === null ? 'not pulled yet' : 'pulled '}
          {top.pulls.last !== null && <Time at={top.pulls.last} />}
        </Text>
        <Marks top={top} image={image} />
      </Group>
      <PullBox image={top} />
      <PlatformSwitch shown={shown} />
    </Stack>
  )
}

function kindInWords({ kind, children, artifactType }: ImageDetails): string {
  if (kind === 'index') {
    const count = children.filter((child) => !isAttestation(child)).length
    return `Index of ${count} ${count === 1 ? 'image' : 'images'}`
  }
  return kind === 'artifact' ? `Artifact ${artifactType ?? ''}`.trim() : 'Image'
}

/** What vouches for it: of the index, or of the image that is looked at. */
function Marks(props: { readonly top: ImageDetails; readonly image: ImageDetails | undefined }) {
  const all = [props.top, props.image].flatMap((one) => (one ? [one.referrers] : []))
  const has = (kind: 'signature' | 'sbom' | 'attestation') => all.some((one) => one[kind] > 0)
  const attested = has('attestation') || props.top.children.some(isAttestation)
  const [, setAddress] = useAddressState()
  const marks = [
    has('signature') && 'signed',
    has('sbom') && 'SBOM',
    attested && 'provenance',
  ].filter((mark) => mark !== false)
  return marks.map((mark) => (
    <Badge
      key={mark}
      component="button"
      type="button"
      color="green"
      className="image-mark"
      leftSection={<Icon name="check" size={12} />}
      onClick={() => setAddress({ tab: 'referrers' }, { asStep: true })}
    >
      {mark}
    </Badge>
  ))
}

function PullBox({ image }: { readonly image: ImageDetails }) {
  const clients = clientsFor(image)
  const [client, setClient] = useState<PullClient | undefined>(clients[0])
  const [by, setBy] = useState('tag')
  const hasTag = tagOf(image) !== null
  const line = pullLine(image, client ?? 'docker', by === 'digest')
  return (
    <Stack gap={6}>
      <Group gap="xs">
        <SegmentedControl
          size="xs"
          aria-label="Pull with"
          data={[...clients]}
          value={client ?? ''}
          onChange={(value) => setClient(clients.find((one) => one === value))}
        />
        {hasTag && (
          <SegmentedControl
            size="xs"
            aria-label="Pull by"
            data={[
              { value: 'tag', label: 'by tag' },
              { value: 'digest', label: 'by digest' },
            ]}
            value={by}
            onChange={setBy}
          />
        )}
      </Group>
      <CodeBlock text={line} label="Copy the pull line" />
    </Stack>
  )
}

import { Group, SegmentedControl, Stack, Text } from '@mantine/core'
import { useMemo } from 'react'
import { useAddressState } from '../../parts/address-state.ts'
import { CopyButton } from '../../parts/copy.tsx'
import { SourceText } from '../../parts/source-text.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { visible } from '../../parts/visible.ts'
import type { ShownImage } from './image-queries.ts'
import { indentJson, type JsonToken, tokenizeJson } from './json-tokens.ts'

interface Document {
  readonly name: string
  readonly label: string
  readonly digest: string
  readonly text: string
}

/** Beyond this the colours would cost more than they help. */
const maxColoured = 300_000

/** What was pushed, for reading; copied as it was pushed. */
export function ManifestTab({ shown }: { readonly shown: ShownImage }) {
  const [{ show: wanted }, setAddress] = useAddressState()
  const documents = documentsOf(shown)
  const current = documents.find(({ name }) => name === wanted) ?? documents[0]
  const waits = shown.top.kind === 'index' && shown.platform?.isHere && !shown.image
  if (current === undefined) return null
  return (
    <Stack gap="sm">
      {documents.length > 1 && (
        <Group>
          <SegmentedControl
            size="xs"
            aria-label="Document"
            data={documents.map(({ name, label }) => ({ value: name, label }))}
            value={current.name}
            onChange={(show) => setAddress({ show })}
          />
        </Group>
      )}
      {shown.imageError && <Failure error={shown.imageError} onRetry={shown.retryImage} />}
      {waits && wanted !== undefined && wanted !== 'index' ? (
        <Waiting />
      ) : (
        <JsonView document={current} />
      )}
    </Stack>
  )
}

function documentsOf({ top, image, platform }: ShownImage): readonly Document[] {
  const documents: Document[] = []
  if (top.kind === 'index') {
    documents.push({ name: 'index', label: 'Index', digest: top.digest, text: top.manifest })
  }
  if (image) {
    const label = top.kind === 'index' ? `Manifest, ${platform?.name}` : 'Manifest'
    documents.push({ name: 'manifest', label, digest: image.digest, text: image.manifest })
    const { config } = image
    if (config?.raw != null) {
      const { digest, raw } = config
      documents.push({ name: 'config', label: 'Configuration', digest, text: raw })
    }
  }
  return documents
}

function tokensOf(text: string): readonly JsonToken[] {
  const shown = indentJson(text)
  return shown.length > maxColoured ? [{ kind: 'plain', text: shown }] : tokenizeJson(shown)
}

function JsonView({ document }: { readonly document: Document }) {
  const { text, digest, label } = document
  const tokens = useMemo(() => tokensOf(text), [text])
  return (
    <>
      <Text size="sm" c="dimmed" className="mono">
        {digest}
      </Text>
      <div className="shell-lines">
        <SourceText label={label}>
          {tokens.map(({ kind, text }, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a text is cut the same way each time.
            <span key={at} className={`json-${kind}`}>
              {visible(text)}
            </span>
          ))}
        </SourceText>
        <CopyButton text={text} label="Copy it as it was pushed" />
      </div>
    </>
  )
}

import { Text, Title } from '@mantine/core'
import { CodeBlock } from '../parts/copy.tsx'
import type { Block } from './blocks.ts'

export function BlockView({ block: { title, why, file, text } }: { readonly block: Block }) {
  return (
    <section>
      <Title order={3} size="h5">
        {title}
      </Title>
      {why !== undefined && <Text size="sm">{why}</Text>}
      {file !== undefined && (
        <Text size="sm">
          In <span className="mono">{file}</span>:
        </Text>
      )}
      <CodeBlock text={text} label={`Copy: ${title}`} />
    </section>
  )
}

import { Button, Group, Stack, Text, Title } from '@mantine/core'
import { useState } from 'react'
import type { RetentionRuleInfo } from '../../../../../contract/retention.ts'
import { useAddressState } from '../../../../parts/address-state.ts'
import { Icon } from '../../../../parts/icon.tsx'
import { RulesPreview } from './preview.tsx'
import { RuleForm } from './rule-form.tsx'
import { RuleList } from './rule-list.tsx'
import './retention.css'

/** What a registry deletes by itself, and what that would be now: `?preview=rules`, or a rule's number. */
export function Retention({ feed }: { readonly feed: string }) {
  const [edited, setEdited] = useState<RetentionRuleInfo | 'new'>()
  const [{ preview }, setAddress] = useAddressState()
  const rule = preview !== undefined && /^\d{1,15}$/.test(preview) ? Number(preview) : undefined
  const isShown = preview === 'rules' || rule !== undefined
  return (
    <Stack gap="lg">
      <section aria-labelledby="retention-rules">
        <Group justify="space-between" mb="xs">
          <Title order={2} id="retention-rules">
            Retention rules
          </Title>
          <Group gap="xs">
            <Button
              size="sm"
              variant="default"
              onClick={() => setAddress({ preview: 'rules' }, { asStep: true })}
            >
              Preview what would go
            </Button>
            <Button
              size="sm"
              leftSection={<Icon name="add" size={16} />}
              onClick={() => setEdited('new')}
            >
              New rule
            </Button>
          </Group>
        </Group>
        <Text size="sm" c="dimmed" maw="72ch" mb="xs">
          Clean-up applies them from top to bottom, once a day. What a rule keeps another may still
          take.
        </Text>
        <RuleList
          feed={feed}
          onEdit={setEdited}
          onPreview={(id) => setAddress({ preview: String(id) }, { asStep: true })}
        />
      </section>
      {isShown && (
        <section aria-labelledby="retention-preview">
          <Group justify="space-between" mb="xs">
            <Title order={2} id="retention-preview">
              {rule === undefined
                ? 'What the rules would take now'
                : `What rule ${rule} would take`}
            </Title>
            <Button
              size="compact-sm"
              variant="subtle"
              onClick={() => setAddress({ preview: undefined })}
            >
              Close the preview
            </Button>
          </Group>
          <RulesPreview feed={feed} {...(rule !== undefined && { rule })} />
        </section>
      )}
      {edited && (
        <RuleForm
          feed={feed}
          rule={edited === 'new' ? undefined : edited}
          onClose={() => setEdited(undefined)}
        />
      )}
    </Stack>
  )
}

import {
  Button,
  Group,
  NumberInput,
  Radio,
  SegmentedControl,
  Stack,
  Switch,
  TagsInput,
  Text,
  TextInput,
} from '@mantine/core'
import { type UseFormReturnType, useForm } from '@mantine/form'
import { useState } from 'react'
import { api } from '../../../../../contract/api.ts'
import type { RetentionRuleInfo } from '../../../../../contract/retention.ts'
import { FormDialog } from '../../../../parts/form-dialog.tsx'
import { useCall } from '../../../../queries/calls.ts'
import { RuleTrial } from './preview.tsx'
import { newRule, type RuleValues, ruleOf, valuesOf } from './rule-values.ts'
import { type RuleFields, ruleInWords } from './rule-words.ts'

type Form = UseFormReturnType<RuleValues>

/** What a rule deletes and what it keeps, and what that would be now. */
export function RuleForm(props: {
  readonly feed: string
  readonly rule: RetentionRuleInfo | undefined
  readonly onClose: () => void
}) {
  const { feed, rule, onClose } = props
  const refreshes = [api.retention.list, api.retention.preview]
  const create = useCall(api.retention.create, refreshes)
  const update = useCall(api.retention.update, refreshes)
  const form = useForm<RuleValues>({ initialValues: valuesOf(rule ?? newRule) })
  return (
    <FormDialog
      title={rule ? `Retention rule ${rule.id}` : 'New retention rule'}
      verb={rule ? 'Save the rule' : 'Add the rule'}
      {...{ form, onClose }}
      submit={(values) => {
        const body = ruleOf(values)
        return rule
          ? update.mutateAsync({ query: { feed, id: String(rule.id) }, body })
          : create.mutateAsync({ query: { feed }, body })
      }}
    >
      <Radio.Group label="It deletes" {...form.getInputProps('deletes')}>
        <Group gap="md" mt={4}>
          <Radio value="tags" label="tags, each with its image once that has none left" />
          <Radio value="untagged" label="images without a tag" />
        </Group>
      </Radio.Group>
      <WhatGoes form={form} />
      <WhatStays form={form} />
      <Switch label="The rule is on" {...form.getInputProps('enabled', { type: 'checkbox' })} />
      <Text size="sm" role="status">
        {ruleInWords(ruleOf(form.values))}.
      </Text>
      <Trial feed={feed} values={form.values} />
    </FormDialog>
  )
}

/** All of these together. */
function WhatGoes({ form }: { readonly form: Form }) {
  const ofTags = form.values.deletes === 'tags'
  return (
    <Stack gap="xs" component="fieldset" className="criteria">
      <Text component="legend" fw={600}>
        Only what is all of this
      </Text>
      <TagsInput
        label="In repositories"
        description="team/* or team/**; none: in all. Press Enter after each."
        {...form.getInputProps('repositories')}
      />
      {ofTags && (
        <TagsInput
          label="Tags"
          description="* stands for any characters; none: all."
          {...form.getInputProps('tags')}
        />
      )}
      {ofTags && (
        <TextInput
          label="Versions"
          placeholder=">=1.2 <2"
          description="Tags that are versions of this range, as npm writes it."
          spellCheck={false}
          {...form.getInputProps('versions')}
        />
      )}
      <Group gap="sm" grow align="flex-start">
        <Amount form={form} field="pushedBeforeDays" label="Pushed more than" unit="days ago" />
        <Amount form={form} field="notPulledForDays" label="Not pulled for" unit="days" />
        <Amount form={form} field="fewerPullsThan" label="With fewer pulls than" unit="pulls" />
      </Group>
      <Group gap="sm" align="flex-end">
        <Amount form={form} field="size" label="Only while larger than" unit="GB" isFraction />
        <SegmentedControl
          aria-label="What is measured"
          data={[
            { value: 'matching', label: 'what matches' },
            { value: 'feed', label: 'the whole registry' },
          ]}
          {...form.getInputProps('sizeOf')}
        />
      </Group>
      <Switch
        label="Only what came through a connector"
        description="What was pushed stays. With “Not pulled for” cached images go so many days after their last pull, and are fetched again when somebody wants them."
        {...form.getInputProps('cached', { type: 'checkbox' })}
      />
    </Stack>
  )
}

function WhatStays({ form }: { readonly form: Form }) {
  const ofTags = form.values.deletes === 'tags'
  return (
    <Stack gap="xs" component="fieldset" className="criteria">
      <Text component="legend" fw={600}>
        And never
      </Text>
      <Group gap="sm" align="flex-end">
        <Amount
          form={form}
          field="keepNewest"
          label="The newest"
          unit={ofTags ? 'tags of each repository' : 'images of each repository'}
        />
        {ofTags && (
          <SegmentedControl
            aria-label="Newest by"
            data={[
              { value: 'pushed', label: 'by push' },
              { value: 'version', label: 'by version' },
            ]}
            {...form.getInputProps('keepNewestBy')}
          />
        )}
      </Group>
      {ofTags && (
        <Group gap="sm" grow align="flex-start">
          <TagsInput label="These tags" placeholder="latest" {...form.getInputProps('keepTags')} />
          <TextInput
            label="These versions"
            placeholder=">=2"
            spellCheck={false}
            {...form.getInputProps('keepVersions')}
          />
        </Group>
      )}
      <TagsInput label="In these repositories" {...form.getInputProps('keepRepositories')} />
    </Stack>
  )
}

function Amount(props: {
  readonly form: Form
  readonly field: 'pushedBeforeDays' | 'notPulledForDays' | 'fewerPullsThan' | 'size' | 'keepNewest'
  readonly label: string
  readonly unit: string
  readonly isFraction?: boolean
}) {
  const { form, field, label, unit, isFraction = false } = props
  return (
    <NumberInput
      label={label}
      suffix={` ${unit}`}
      min={isFraction ? 0 : 1}
      allowDecimal={isFraction}
      allowNegative={false}
      hideControls
      {...form.getInputProps(field)}
    />
  )
}

/** What the rule would take now, as it stands in the form. */
function Trial({ feed, values }: { readonly feed: string; readonly values: RuleValues }) {
  const [tried, setTried] = useState<RuleFields>()
  const rule = ruleOf(values)
  const isOld = tried !== undefined && JSON.stringify(tried) !== JSON.stringify(rule)
  return (
    <section aria-label="What would go">
      <Group gap="xs" mb="xs">
        <Button variant="default" size="xs" onClick={() => setTried(rule)}>
          {isOld ? 'Try it again' : 'Try it: what would go now'}
        </Button>
        <Text size="sm" c="dimmed">
          {isOld ? 'The rule was changed since.' : 'Nothing is deleted by trying.'}
        </Text>
      </Group>
      {tried && <RuleTrial feed={feed} rule={tried} />}
    </section>
  )
}

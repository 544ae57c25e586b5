import { Button, Radio, Select, Stack, Switch, TagsInput, Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { api } from '../../../../contract/api.ts'
import { call } from '../../../../contract/call.ts'
import type { FeedInfo } from '../../../../contract/feeds.ts'
import { client, fieldProblems } from '../../../call.ts'
import { formatQuota, parseQuota, problemOfQuota } from '../../../parts/quota-words.ts'
import { Failure, Waiting } from '../../../parts/states.tsx'
import { callQuery } from '../../../queries/calls.ts'
import { useFeedGroupNames, withChosen } from '../../../queries/names.ts'
import { useWhoami } from '../../../queries/session.ts'
import { addressOf } from '../../../reference.ts'

type Wishes = Pick<
  FeedInfo,
  | 'name'
  | 'alternateNames'
  | 'description'
  | 'active'
  | 'feedGroup'
  | 'tagDeletion'
  | 'overwrite'
  | 'sparseIndexes'
  | 'externalLayers'
> & {
  /** As typed, with their units. */
  quotaBytes: string
  repositoryQuotaBytes: string
}
type Form = ReturnType<typeof useWishes>

/** How a registry is called and behaves. What somebody edits is not written over by the polling. */
export function Properties({ feed }: { readonly feed: string }) {
  const query = callQuery(api.feeds.get, { params: { name: feed } })
  const { data, error, refetch } = useQuery({ ...query, refetchInterval: false })
  if (data === undefined) {
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />
  }
  return <PropertiesForm key={data.name} feed={data} />
}

function useWishes(feed: FeedInfo) {
  return useForm({
    initialValues: wishesOf(feed),
    validate: { quotaBytes: problemOfQuota, repositoryQuotaBytes: problemOfQuota },
  })
}

function PropertiesForm({ feed }: { readonly feed: FeedInfo }) {
  const form = useWishes(feed)
  const save = useSave(feed, form)
  const problems = Object.keys(fieldProblems(save.error))
  const areShown = problems.length > 0 && problems.every((field) => field in form.values)
  return (
    <form noValidate onSubmit={form.onSubmit((wishes) => save.mutate(wishes))}>
      <Stack gap="lg" maw="44rem">
        {save.error !== null && !areShown && <Failure error={save.error} />}
        <Names form={form} />
        <Behaviour form={form} />
        <Quotas form={form} />
        <div>
          <Button type="submit" loading={save.isPending} disabled={!form.isDirty()}>
            Save the properties
          </Button>
        </div>
      </Stack>
    </form>
  )
}

function Names({ form }: { readonly form: Form }) {
  const { administrator } = useWhoami()
  const groups = useFeedGroupNames(administrator)
  return (
    <>
      <TextInput
        label="Name"
        description="After another name, clients use that. Add the old one below to keep it working."
        spellCheck={false}
        {...form.getInputProps('name')}
      />
      <TagsInput
        label="Alternate names"
        description="It answers to these too. Press Enter after each."
        {...form.getInputProps('alternateNames')}
      />
      <Textarea
        label="Description"
        autosize
        minRows={2}
        maxLength={2000}
        {...form.getInputProps('description')}
      />
      <Select
        label="Feed group"
        description={aboutGroup(administrator, groups.length > 0)}
        data={withChosen(groups, form.values.feedGroup)}
        clearable
        searchable
        readOnly={!administrator}
        {...form.getInputProps('feedGroup')}
      />
    </>
  )
}

function aboutGroup(isAdministrator: boolean, isAnyThere: boolean): string {
  if (!isAdministrator) return 'An administrator can change it.'
  if (!isAnyThere) return 'There is none yet: Administration, Feed groups makes one.'
  return 'The list of registries shows it there. Permissions of the group count for it too.'
}

function Behaviour({ form }: { readonly form: Form }) {
  return (
    <>
      <Switch
        label="Active"
        description="A registry that is not active answers nobody. Nothing in it is lost."
        {...form.getInputProps('active', { type: 'checkbox' })}
      />
      <Radio.Group
        label="When a tag that exists is pushed again"
        {...form.getInputProps('overwrite')}
      >
        <Stack gap="xs" mt={4}>
          <Radio value="allowed" label="It moves to the new image" />
          <Radio
            value="permission"
            label="It moves if the caller has Feeds_OverwritePackage, else the push is refused"
          />
          <Radio value="never" label="The push is refused: tags never move" />
        </Stack>
      </Radio.Group>
      <Switch
        label="Clients may delete tags"
        description="Over the registry protocol, with the right to delete. These pages can in any case."
        {...form.getInputProps('tagDeletion', { type: 'checkbox' })}
      />
      <Switch
        label="Sparse indexes"
        description="Manifests may refer to images and layers that are not here."
        {...form.getInputProps('sparseIndexes', { type: 'checkbox' })}
      />
      <Switch
        label="External layers"
        description="Images may have layers that are elsewhere: with URLs, or foreign."
        {...form.getInputProps('externalLayers', { type: 'checkbox' })}
      />
    </>
  )
}

function Quotas({ form }: { readonly form: Form }) {
  const { administrator } = useWhoami()
  const about = 'How much there may be in it, such as 50 GB: pushes of more are refused.'
  return (
    <>
      <TextInput
        label="Quota"
        description={
          administrator
            ? `${about} Empty: any number of bytes.`
            : `${about} An administrator can change it.`
        }
        readOnly={!administrator}
        spellCheck={false}
        {...form.getInputProps('quotaBytes')}
      />
      <TextInput
        label="Quota of each repository"
        description="The same for each of its repositories that has no quota of its own."
        spellCheck={false}
        {...form.getInputProps('repositoryQuotaBytes')}
      />
    </>
  )
}

function wishesOf(feed: FeedInfo): Wishes {
  const { name, alternateNames, description, active, feedGroup } = feed
  const { tagDeletion, overwrite, sparseIndexes, externalLayers } = feed
  return {
    ...{ name, alternateNames, description, active, feedGroup },
    ...{ tagDeletion, overwrite, sparseIndexes, externalLayers },
    quotaBytes: formatQuota(feed.quotaBytes),
    repositoryQuotaBytes: formatQuota(feed.repositoryQuotaBytes),
  }
}

/** Sends what was changed, and no more: what somebody else changed meanwhile stays. */
function useSave(feed: FeedInfo, form: Form) {
  const queries = useQueryClient()
  const navigate = useNavigate()
  return useMutation({
    mutationFn: async (wishes: Wishes) => {
      const { quotaBytes, repositoryQuotaBytes, ...rest } = wishes
      const all = {
        ...rest,
        quotaBytes: parseQuota(quotaBytes) ?? null,
        repositoryQuotaBytes: parseQuota(repositoryQuotaBytes) ?? null,
      }
      const changed = Object.entries(all).filter(([name]) => form.isDirty(name))
      const body = Object.fromEntries(changed) as Partial<typeof all>
      return await call(client, api.feeds.update, { params: { name: feed.name }, body })
    },
    onSuccess: async (saved) => {
      form.setInitialValues(wishesOf(saved))
      form.setValues(wishesOf(saved))
      form.resetDirty(wishesOf(saved))
      notifications.show({ message: `The properties of ${saved.name} are saved.` })
      if (saved.name !== feed.name) {
        await navigate({
          to: addressOf({ feed: saved.name }),
          search: { tab: 'properties' } as never,
          replace: true,
        })
      }
      await Promise.all(
        [api.registries.list, api.registries.get, api.feeds.get].map(({ path }) =>
          queries.invalidateQueries({ queryKey: [path] }),
        ),
      )
    },
    onError: (error) => form.setErrors(fieldProblems(error)),
  })
}

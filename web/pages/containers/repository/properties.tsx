import { Button, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '../../../../contract/api.ts'
import { call } from '../../../../contract/call.ts'
import type { RepositoryDetails } from '../../../../contract/repositories.ts'
import { client, fieldProblems } from '../../../call.ts'
import { formatQuota, parseQuota, problemOfQuota } from '../../../parts/quota-words.ts'
import { Failure } from '../../../parts/states.tsx'

/** What those who manage the registry may say of one repository. */
export function RepositoryProperties({ repository }: { readonly repository: RepositoryDetails }) {
  const { feed, name, ownQuotaBytes } = repository
  const queries = useQueryClient()
  const form = useForm({
    initialValues: { quotaBytes: formatQuota(ownQuotaBytes) },
    validate: { quotaBytes: problemOfQuota },
  })
  const save = useMutation({
    mutationFn: async (typed: { quotaBytes: string }) => {
      const body = { quotaBytes: parseQuota(typed.quotaBytes) ?? null }
      return await call(client, api.repositories.update, { query: { feed, repo: name }, body })
    },
    onSuccess: async (saved) => {
      const values = { quotaBytes: formatQuota(saved.ownQuotaBytes) }
      form.setValues(values)
      form.resetDirty(values)
      notifications.show({ message: `The properties of ${name} are saved.` })
      await Promise.all(
        [api.repositories.list, api.repositories.get].map(({ path }) =>
          queries.invalidateQueries({ queryKey: [path] }),
        ),
      )
    },
    onError: (error) => form.setErrors(fieldProblems(error)),
  })
  const isShown = Object.keys(fieldProblems(save.error)).includes('quotaBytes')
  return (
    <form noValidate onSubmit={form.onSubmit((typed) => save.mutate(typed))}>
      <Stack gap="lg" maw="44rem">
        {save.error !== null && !isShown && <Failure error={save.error} />}
        <TextInput
          label="Quota"
          description="How much there may be in it, such as 50 GB: pushes of more are refused. Empty: what the registry says of its repositories."
          spellCheck={false}
          {...form.getInputProps('quotaBytes')}
        />
        <div>
          <Button type="submit" loading={save.isPending} disabled={!form.isDirty()}>
            Save the properties
          </Button>
        </div>
      </Stack>
    </form>
  )
}

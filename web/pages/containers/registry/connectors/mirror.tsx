import { Anchor, Button, Stack, Switch, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { Link } from '@tanstack/react-router'
import { api } from '../../../../../contract/api.ts'
import type { FeedInfo } from '../../../../../contract/feeds.ts'
import { fieldProblems } from '../../../../call.ts'
import { Failure } from '../../../../parts/states.tsx'
import { useCall } from '../../../../queries/calls.ts'
import { addressOf } from '../../../../reference.ts'

/** Whether clients that ask for another registry's names are served from this one. */
export function Mirror(props: { readonly feed: FeedInfo; readonly isAdministrator: boolean }) {
  const { feed, isAdministrator } = props
  const { name, mirrorOf, defaultMirror } = feed
  return (
    <Stack gap="sm" maw="44rem">
      <Text size="sm" c="dimmed">
        A mirror stands in for another registry: clients that are set up for it go on pulling
        docker.io/library/debian, and get it from here, by the rights and from the cache of this
        registry.
      </Text>
      {isAdministrator ? (
        // What somebody edits is written over only once it was changed elsewhere.
        <MirrorForm key={`${mirrorOf} ${defaultMirror}`} feed={feed} />
      ) : (
        <Text>{mirrorInWords(feed)}</Text>
      )}
      {(mirrorOf !== null || defaultMirror) && (
        <Text size="sm">
          <Anchor
            component={Link}
            to={addressOf({ feed: name })}
            search={{ tab: 'setup' } as never}
            underline="always"
          >
            How clients are told
          </Anchor>
        </Text>
      )}
    </Stack>
  )
}

function mirrorInWords({ mirrorOf, defaultMirror }: FeedInfo): string {
  if (mirrorOf === null && !defaultMirror) return 'It is no mirror.'
  if (mirrorOf === null) return 'It is the default mirror.'
  return `It is the mirror of ${mirrorOf}${defaultMirror ? ', and the default mirror' : ''}.`
}

function MirrorForm({ feed }: { readonly feed: FeedInfo }) {
  const { name, mirrorOf, defaultMirror } = feed
  const save = useCall(api.feeds.update, [api.feeds.get, api.feeds.list])
  const form = useForm({ initialValues: { mirrorOf: mirrorOf ?? '', defaultMirror } })
  const submit = (values: typeof form.values) => {
    const body = {
      ...(form.isDirty('mirrorOf') && { mirrorOf: values.mirrorOf.trim() || null }),
      ...(form.isDirty('defaultMirror') && { defaultMirror: values.defaultMirror }),
    }
    save.mutate(
      { params: { name }, body },
      {
        onSuccess: () =>
          notifications.show({ message: `The mirror settings of ${name} are saved.` }),
        onError: (error) => form.setErrors(fieldProblems(error)),
      },
    )
  }
  return (
    <form onSubmit={form.onSubmit(submit)}>
      <Stack gap="sm">
        {save.error && !('mirrorOf' in fieldProblems(save.error)) && <Failure error={save.error} />}
        <TextInput
          label="Mirror of"
          placeholder="docker.io"
          description="The host that image names begin with: docker.io, quay.io, registry.example.com:5000. Empty: of none. A host has one mirror here."
          spellCheck={false}
          autoComplete="off"
          {...form.getInputProps('mirrorOf')}
        />
        <Switch
          label="Default mirror"
          description="For clients that do not say whose names they ask for: Docker’s registry-mirrors, which is always for Docker Hub. One registry of this server can be it."
          {...form.getInputProps('defaultMirror', { type: 'checkbox' })}
        />
        <div>
          <Button type="submit" loading={save.isPending} disabled={!form.isDirty()}>
            Save the mirror settings
          </Button>
        </div>
      </Stack>
    </form>
  )
}

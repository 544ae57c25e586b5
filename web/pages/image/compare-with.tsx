import { Anchor, Autocomplete, Button, Group, Modal, Stack, Text } from '@mantine/core'
import { useDebouncedValue, useDisclosure } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import type { ImageDetails } from '../../../contract/images.ts'
import { pageQuery } from '../../queries/calls.ts'
import { addressOf } from '../../reference.ts'

const shownCount = '20'

/** Leads to what differs between this image and another of the repository. */
export function CompareWith({ image }: { readonly image: ImageDetails }) {
  const [opened, { open, close }] = useDisclosure(false)
  if (image.kind === 'artifact') return null
  return (
    <>
      <Button variant="default" size="xs" onClick={open}>
        Compare with…
      </Button>
      <Modal opened={opened} onClose={close} title="Compare with another image" centered>
        <Chooser image={image} onDone={close} />
      </Modal>
    </>
  )
}

function Chooser(props: { readonly image: ImageDetails; readonly onDone: () => void }) {
  const { feed, repository, tag, digest } = props.image
  const [text, setText] = useState('')
  const [search] = useDebouncedValue(text.trim(), 150)
  const navigate = useNavigate()
  const { data } = useQuery(
    pageQuery(api.tags.list, {
      query: {
        ...{ feed, repo: repository, sort: 'pushed', count: shownCount },
        ...(search !== '' && !search.includes(':') && { search }),
      },
    }),
  )
  const here = addressOf({ feed, repository, tag, ...(tag === null && { digest }) })
  const addressFor = (other: string) => `${here}?compare=${encodeURIComponent(other)}`
  const others = (data?.items ?? []).filter(({ name }) => name !== tag)
  const go = () => {
    if (text.trim() === '') return
    props.onDone()
    void navigate({ to: addressFor(text.trim()) })
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        go()
      }}
    >
      <Stack gap="sm">
        <Autocomplete
          label="Tag or digest"
          description="What this image is compared from: an earlier one, as a rule."
          data={[...new Set(others.map(({ name }) => name))]}
          // The server has searched.
          filter={({ options }) => options}
          value={text}
          onChange={setText}
          data-autofocus
          spellCheck={false}
          autoCapitalize="none"
        />
        {text === '' && others.length > 0 && (
          <Text size="sm">
            Pushed lately:{' '}
            {others.slice(0, 5).map(({ name }) => (
              <Anchor
                key={name}
                className="mono recent-tag"
                component={Link}
                to={addressFor(name)}
                onClick={props.onDone}
              >
                {name}
              </Anchor>
            ))}
          </Text>
        )}
        <Group justify="flex-end">
          <Button type="submit" disabled={text.trim() === ''}>
            Compare
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

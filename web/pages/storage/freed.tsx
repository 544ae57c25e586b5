import { Anchor, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import { Size } from '../../parts/size.tsx'
import { callQuery } from '../../queries/calls.ts'

/** What deleting a repository, or a registry, would free: worked out when somebody asks. */
export function WouldFree(props: { readonly feed: string; readonly repository?: string }) {
  const { feed, repository } = props
  const [isAsked, setAsked] = useState(false)
  const { data, error, isFetching } = useQuery({
    ...callQuery(api.sizes.freed, {
      query: { feed, ...(repository !== undefined && { repo: repository }) },
      body: {},
    }),
    refetchInterval: false,
    refetchOnWindowFocus: false,
    enabled: isAsked,
  })
  if (!isAsked) {
    return (
      <Anchor component="button" type="button" size="sm" onClick={() => setAsked(true)}>
        measure
        <span className="for-readers"> what deleting {repository ?? feed} would free</span>
      </Anchor>
    )
  }
  if (error) return <span className="wraps">{error.message}</span>
  if (data === undefined || isFetching)
    return (
      <Text span size="sm">
        measuring…
      </Text>
    )
  return data.freedBytes === null ? <span>too many layers</span> : <Size bytes={data.freedBytes} />
}

import { useQuery } from '@tanstack/react-query'
import { api } from '../../contract/api.ts'
import { callQuery } from './calls.ts'

/** Whether the caller may make registries, in no group. */
export function useMayCreateRegistries(): boolean {
  const { data } = useQuery({
    ...callQuery(api.privileges.list),
    staleTime: 60_000,
    refetchInterval: false,
  })
  return (data ?? []).some(({ attribute, allowed }) => attribute === 'Admin_ManageFeed' && allowed)
}

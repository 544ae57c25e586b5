import { queryOptions } from '@tanstack/react-query'
import { api } from '../../contract/api.ts'
import { ServerHealth } from '../../contract/health.ts'
import { callQuery } from './calls.ts'
import { pollMs } from './query-client.ts'

/** What the server sees when it calls itself as a client does: seconds of work, so only when asked. */
export const selfTestQuery = {
  ...callQuery(api.health.selfTest),
  refetchInterval: false,
  refetchOnWindowFocus: false,
} as const

/** What can be checked; it is the same as long as the server runs. */
export const checksQuery = {
  ...callQuery(api.health.list),
  refetchInterval: false,
  staleTime: Number.POSITIVE_INFINITY,
} as const

/** What monitoring is told. It answers also while nothing else can, then with status 500. */
export const serverHealthQuery = queryOptions({
  queryKey: ['/health/json'],
  queryFn: async ({ signal }) => {
    const answer = await fetch('/health/json', { signal })
    return ServerHealth.parse(await answer.json())
  },
  refetchInterval: pollMs,
})

import { useQuery } from '@tanstack/react-query'
import { api } from '../../contract/api.ts'
import type { FeedStorage, StoreKind } from '../../contract/storage.ts'
import { callQuery } from './calls.ts'

const movingMs = 2000
const lookMs = 60_000

/** Kinds of stores with their properties. They do not change while the server runs. */
export function useStoreKinds() {
  const { data, ...state } = useQuery({
    ...callQuery(api.storage.get),
    refetchInterval: false,
    staleTime: Number.POSITIVE_INFINITY,
  })
  return { ...state, kinds: isKinds(data) ? data : undefined }
}

/** Where a registry keeps its images; looked at anew while some of them are elsewhere. */
export function useFeedStorage(feed: string) {
  const { data, ...state } = useQuery({
    ...callQuery(api.storage.get, { query: { feed } }),
    refetchInterval: ({ state: { data: last } }) =>
      last !== undefined && !isKinds(last) && last.moving ? movingMs : false,
  })
  return { ...state, storage: data === undefined || isKinds(data) ? undefined : data }
}

/** Every store and whether it can be reached: each look costs a request to each. */
export const storesQuery = { ...callQuery(api.storage.stores), refetchInterval: lookMs }

/** The store of a registry, and which others use it; undefined while it is asked, or not known. */
export function useStoreOf(feed: string) {
  const { data, error } = useQuery(storesQuery)
  const store = data?.find(({ registries }) => registries.includes(feed))
  const others = store?.registries.filter((name) => name !== feed)
  return { store, others, isAsking: data === undefined && error === null }
}

function isKinds(data: StoreKind[] | FeedStorage | undefined): data is StoreKind[] {
  return Array.isArray(data)
}

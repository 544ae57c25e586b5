import { useQuery } from '@tanstack/react-query'
import { api } from '../../contract/api.ts'
import { pageQuery } from './calls.ts'

/** As many names as a field offers; others can be typed. */
const offered = { query: { count: '1000' } }

export function useGroupNames(): string[] {
  return namesOf(useQuery(pageQuery(api.securityGroups.list, offered)).data?.items)
}

export function useTaskNames(): string[] {
  return namesOf(useQuery(pageQuery(api.securityTasks.list, offered)).data?.items)
}

export function useFeedNames(): string[] {
  return namesOf(useQuery(pageQuery(api.feeds.list, offered)).data?.items)
}

export function useFeedGroupNames(isWanted = true): string[] {
  const query = pageQuery(api.feedGroups.list, offered)
  return namesOf(useQuery({ ...query, enabled: isWanted }).data?.items)
}

/** Users whose name, display name or mail address has `typed` in it. */
export function useUserNames(typed = ''): string[] {
  const query = { count: '20', ...(typed !== '' && { 'search-term': typed }) }
  return namesOf(useQuery(pageQuery(api.securityUsers.list, { query })).data?.items)
}

/** With the one that is chosen, also when it is none of those that a field offers. */
export function withChosen(offers: readonly string[], chosen: string | null): string[] {
  return chosen === null || offers.includes(chosen) ? [...offers] : [...offers, chosen]
}

function namesOf(items: readonly { readonly name: string }[] = []): string[] {
  return items.map(({ name }) => name)
}

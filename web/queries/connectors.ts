import { useQuery } from '@tanstack/react-query'
import { api } from '../../contract/api.ts'
import type { ConnectorInfo } from '../../contract/connectors.ts'
import { callQuery } from './calls.ts'
import { useWhoami } from './session.ts'

/** All of them; undefined while they load, and for all but administrators, who alone may see them. */
export function useConnectors(): readonly ConnectorInfo[] | undefined {
  const { administrator } = useWhoami()
  return useQuery({ ...callQuery(api.connectors.list), enabled: administrator }).data
}

import { useQuery } from '@tanstack/react-query'
import { api } from '../../contract/api.ts'
import type { ConnectorInfo } from '../../contract/connectors.ts'
import { callQuery } from './calls.ts'
import { useWhoami } from './session.ts'

/** All of them; undefined while they load, and for all but administrators, who alone may see them. */
export function useConnectors(isWanted = true): readonly ConnectorInfo[] | undefined {
  const { administrator } = useWhoami()
  return useQuery({ ...callQuery(api.connectors.list), enabled: administrator && isWanted }).data
}

/** What the connector failed with after `since`, if it did and the caller may know. */
export function useFailureSince(
  name: string | null,
  since: string | null,
): ConnectorInfo['lastError'] {
  const connectors = useConnectors(name !== null)
  const failure = connectors?.find((one) => one.name === name)?.lastError ?? null
  return failure !== null && (since === null || failure.at > since) ? failure : null
}

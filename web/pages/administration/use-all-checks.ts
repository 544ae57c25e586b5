import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import { api } from '../../../contract/api.ts'
import { call } from '../../../contract/call.ts'
import type { HealthCheckInfo } from '../../../contract/health.ts'
import { client } from '../../call.ts'
import { checksQuery } from '../../queries/health.ts'

export interface AllChecks {
  /** How many of them are done, and which runs now; null: none was begun. */
  readonly progress: {
    readonly done: number
    readonly all: number
    /** In words; null: they have ended. */
    readonly at: string | null
  } | null
  readonly findings: readonly HealthCheckInfo[]
  readonly error: Error | null
  readonly begin: () => void
}

/** Runs every check of the server, one after the other: each is a call that takes seconds. */
export function useAllChecks(): AllChecks {
  const queries = useQueryClient()
  const [state, setState] = useState<Omit<AllChecks, 'begin'>>(nothing)
  const stop = useRef(new AbortController())
  useEffect(() => () => stop.current.abort(), [])
  const run = useCallback(async () => {
    stop.current.abort()
    stop.current = new AbortController()
    const { signal } = stop.current
    let findings: readonly HealthCheckInfo[] = []
    const tell = (progress: AllChecks['progress'], error: Error | null = null) => {
      if (!signal.aborted) setState({ progress, findings, error })
    }
    try {
      const checks = await queries.fetchQuery(checksQuery)
      for (const [done, { name, looksAt }] of checks.entries()) {
        tell({ done, all: checks.length, at: `${name}: ${looksAt}` })
        const result = await call({ ...client, signal }, api.health.check, { query: { name } })
        findings = [...findings, ...result.findings]
      }
      tell({ done: checks.length, all: checks.length, at: null })
    } catch (error) {
      tell(null, error instanceof Error ? error : new Error(String(error)))
    }
  }, [queries])
  return { ...state, begin: () => void run() }
}

const nothing = { progress: null, findings: [], error: null }

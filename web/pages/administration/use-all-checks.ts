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
  /** Once all are done; null: they are not. */
  readonly findings: readonly HealthCheckInfo[] | null
  readonly error: Error | null
  readonly begin: () => void
  /** Forgets what was found. */
  readonly clear: () => void
}

/** Runs every check of the server, one after the other: each is a call that takes seconds. */
export function useAllChecks(): AllChecks {
  const queries = useQueryClient()
  const [state, setState] = useState<State>(nothing)
  const stop = useRef(new AbortController())
  useEffect(() => () => stop.current.abort(), [])
  const run = useCallback(async () => {
    stop.current.abort()
    stop.current = new AbortController()
    const { signal } = stop.current
    const found: HealthCheckInfo[] = []
    const tell = (state: Partial<State>) => {
      if (!signal.aborted) setState({ ...nothing, ...state })
    }
    try {
      const checks = await queries.fetchQuery(checksQuery)
      for (const [done, { name, looksAt }] of checks.entries()) {
        tell({ progress: { done, all: checks.length, at: `${name}: ${looksAt}` } })
        const result = await call({ ...client, signal }, api.health.check, { query: { name } })
        found.push(...result.findings)
      }
      tell({ progress: { done: checks.length, all: checks.length, at: null }, findings: found })
    } catch (error) {
      tell({ error: error instanceof Error ? error : new Error(String(error)) })
    }
  }, [queries])
  const clear = () => {
    stop.current.abort()
    setState(nothing)
  }
  return { ...state, begin: () => void run(), clear }
}

type State = Omit<AllChecks, 'begin' | 'clear'>

const nothing: State = { progress: null, findings: null, error: null }
